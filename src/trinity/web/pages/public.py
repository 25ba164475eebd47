"""An account's public pages: the shop window, and the form by which a stranger asks for something."""

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from trinity.accounts import PublicAccount
from trinity.kit.addresses import normal_address, normal_website
from trinity.web.context import house_of
from trinity.web.forms import Form, read_form
from trinity.web.guards import anyone
from trinity.web.public import SHOWN, Filled, open_account, public_page, record_refusal, too_many
from trinity.web.public_forms import PUBLIC_BODY_BYTES_MAX, Verdict, guard_fields, judge, unhurried
from trinity.web.rooms.public import NewRequest, PublicRoom

NAME_CHARS_MAX = 120
EMAIL_CHARS_MAX = 254
WEBSITE_CHARS_MAX = 300
MESSAGE_CHARS_MAX = 5_000
ASK = "ask"


@get("/p/{slug:str}", guards=[anyone], include_in_schema=False)
async def index(request: Request, slug: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """What the account offers, and how to reach it."""
    account = await open_account(request, slug)
    window = await PublicRoom(house_of(request)).window(account)
    return public_page(request, account, "index.html", "Welcome", headers=SHOWN, window=window)


@get("/p/{slug:str}/ask", guards=[anyone], include_in_schema=False)
async def ask_page(request: Request, slug: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """The form."""
    account = await open_account(request, slug)
    return _form(request, account, Filled(), headers=SHOWN)


@post("/p/{slug:str}/ask", guards=[anyone], include_in_schema=False, request_max_body_size=PUBLIC_BODY_BYTES_MAX)
async def ask(request: Request, slug: FromPath[str]) -> Response[str] | Redirect:  # type: ignore[type-arg]
    """Take a request. A machine that fell into the trap, and a repeat, are thanked like everybody."""
    account = await open_account(request, slug)
    room = PublicRoom(house_of(request))
    async with unhurried():
        form = await read_form(request)
        verdict = judge(request, account, ASK, form)
        if verdict is not Verdict.PASSED:
            await record_refusal(request, account, ASK, verdict)
        if verdict is Verdict.TOO_MANY:
            return too_many(request, account)
        if verdict is not Verdict.TRAPPED:
            filled = Filled.untimely() if verdict is Verdict.UNTIMELY else Filled()
            read_person(form, filled, "message", "Please write what it is about.")
            if filled.problems or filled.notice:
                return _form(request, account, filled, status=422)
            await room.ask(account, NewRequest(**filled.values))
        return Redirect(f"/p/{account.slug}/thanks", status_code=303)


@get("/p/{slug:str}/thanks", guards=[anyone], include_in_schema=False)
async def thanks(request: Request, slug: FromPath[str]) -> Response[str]:  # type: ignore[type-arg]
    """The answer to whoever sent a request."""
    account = await open_account(request, slug)
    return public_page(request, account, "thanks.html", "Thank you")


def read_person(form: Form, filled: Filled, area: str, problem: str) -> Filled:
    """Who asks or buys, and in the field `area` in which words; what is not right is said beside its field."""
    filled.take(
        form, "name", NAME_CHARS_MAX, lambda text: bool(text) and text.isprintable(), "Please tell us your name."
    )
    filled.take(
        form,
        "email",
        EMAIL_CHARS_MAX,
        lambda text: normal_address(text) is not None,
        "Please give an address that we can answer to, such as you@example.com.",
    )
    filled.take(
        form,
        "website",
        WEBSITE_CHARS_MAX,
        lambda text: not text or normal_website(text) is not None,
        "Please give a web address such as example.com, or leave it empty.",
    )
    filled.take(form, area, MESSAGE_CHARS_MAX, bool, problem)
    return filled


def _form(
    request: Request,  # type: ignore[type-arg]
    account: PublicAccount,
    filled: Filled,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[str]:
    title = "Ask us"
    guards = guard_fields(request, account, ASK)
    return public_page(
        request, account, "ask.html", title, status=status, headers=headers, filled=filled, guard_fields=guards
    )


handlers: list[HTTPRouteHandler] = [index, ask_page, ask, thanks]
