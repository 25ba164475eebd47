"""The pages, one file per thing that people look at. Each draws itself once or as a stream (`stream`)."""

from litestar.handlers import HTTPRouteHandler

from trinity.web.pages import (
    approvals,
    buying,
    calls,
    crm,
    docs,
    files,
    front,
    inbox,
    incidents,
    integrations,
    mail,
    offers,
    orders,
    projects,
    proof,
    public,
    runs,
    sponsors,
    static,
)

handlers: list[HTTPRouteHandler] = [
    *front.handlers,
    *projects.handlers,
    *crm.handlers,
    *public.handlers,
    *sponsors.handlers,
    *buying.handlers,
    *offers.handlers,
    *orders.handlers,
    *runs.handlers,
    *approvals.handlers,
    *calls.handlers,
    *docs.handlers,
    *files.handlers,
    *inbox.handlers,
    *incidents.handlers,
    *integrations.handlers,
    *mail.handlers,
    *proof.handlers,
    *static.handlers,
]
