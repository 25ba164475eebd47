"""Sign-in, sign-out, home, and the emergency brake."""

from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Stream

from trinity.errors import Refused
from trinity.web.context import PageRequest, web_of
from trinity.web.forms import done, own_path, read_form
from trinity.web.guards import anyone, may_control, member, sign_in_form
from trinity.web.remote import HEADER, remote_of
from trinity.web.rooms.home import HomeRoom
from trinity.web.session import cookie_away, cookie_for, token_in
from trinity.web.stream import Page, answer

EMAIL_CHARS_MAX = 254
PASSWORD_CHARS_MAX = 256


@get("/sign-in", guards=[anyone], include_in_schema=False)
async def sign_in_page(request: Request) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """The form, unless somebody is signed in already."""
    web = web_of(request)
    token = token_in(request, web.config)
    if token and await web.desk.find(token):
        return Redirect("/", status_code=303)
    return _form(request, own_path(request.query_params.get("next", "/")))


@post("/sign-in", guards=[sign_in_form], include_in_schema=False)
async def sign_in(request: Request) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """A new session under a new token, whatever the browser brought."""
    form = await read_form(request)
    email = form.text("email", chars_max=EMAIL_CHARS_MAX).lower()
    place = own_path(form.text("next") or "/")
    try:
        token = await check_password(request, email, form.secret("password", chars_max=PASSWORD_CHARS_MAX))
    except Refused as refused:
        return _form(request, place, email=email, problem=refused.message, status=refused.status)
    answer_ = Redirect(place, status_code=303)
    answer_.set_cookie(cookie_for(web_of(request).config, token))
    return answer_


async def check_password(request: Request, email: str, password: str) -> str:  # type: ignore[type-arg]
    """The new session's token; counts failures so that guessing is slow."""
    web = web_of(request)
    peer = request.client.host if request.client else None
    remote = remote_of(peer, request.headers.getall(HEADER, []), web.config.trusted_proxies)
    async with web.sign_in_throttle.slots:
        web.sign_in_throttle.demand(email, remote)
        try:
            token, _ = await web.desk.sign_in(email, password, token_in(request, web.config))
        except Refused:
            web.sign_in_throttle.failed(email, remote)
            raise
    return token


@post("/sign-out", guards=[member], include_in_schema=False)
async def sign_out(request: PageRequest) -> Redirect:
    """End the session here and in every open page of it."""
    web = web_of(request)
    await web.desk.sign_out(request.auth)
    answer_ = Redirect("/sign-in", status_code=303)
    answer_.set_cookie(cookie_away(web.config))
    return answer_


@get("/", guards=[member], include_in_schema=False)
async def home(request: PageRequest) -> Response[str] | Stream:
    """What waits, what runs, what went out, and how far the account may act."""

    async def draw() -> Page:
        web = web_of(request)
        found = await web.desk.home(request.user)
        business = await HomeRoom(web.house).business(request.user) if web.house else None
        topics = frozenset({"runs", "sent", "projects", "orders", "ledger", "threads"})
        return Page("home.html", "Home", "home", {"home": found, "business": business}, topics)

    return await answer(request, draw)


@post("/posture", guards=[may_control], include_in_schema=False)
async def tighten(request: PageRequest) -> Response[None] | Redirect:
    """Tighten the account's posture at once."""
    form = await read_form(request)
    mode, reason = form.text("mode", is_required=True), form.text("reason", is_required=True)
    tightened = await web_of(request).desk.tighten(request.user, "account", mode, reason)
    count = len(tightened.in_flight)
    return done(request, "/", f"Tightened. {count or 'Nothing'} still in flight.")


def _form(
    request: Request,  # type: ignore[type-arg]
    place: str,
    *,
    email: str = "",
    problem: str = "",
    status: int = 200,
) -> Response[str]:
    web = web_of(request)
    html = web.templates.page(
        "sign_in.html",
        title="Sign in",
        next=place,
        email=email,
        problem=problem,
        sandboxes=web.config.sandbox_sentences,
    )
    return Response(html, media_type=MediaType.HTML, status_code=status)


handlers: list[HTTPRouteHandler] = [sign_in_page, sign_in, sign_out, home, tighten]
