"""Public pages: an account's face to visitors, without a session and without script."""

from collections.abc import Callable
from dataclasses import dataclass, field

from litestar import MediaType, Request, Response
from litestar.exceptions import NotFoundException

from trinity import accounts
from trinity.accounts import PublicAccount
from trinity.errors import Refused
from trinity.kit.canonical import is_text
from trinity.web.context import house_of, web_of
from trinity.web.forms import Form
from trinity.web.public_forms import PUBLIC_BODY_BYTES_MAX
from trinity.web.rooms.public import PublicRoom
from trinity.web.throttle import WINDOW_S

REFUSALS_TOLD_MAX = 20
"""How many refusals of a window are brought to the database at all; there is a quota of what is kept, too."""
SHOWN = {"x-robots-tag": "all"}
"""What search engines may show; every other page of this server is kept out of them."""
AGAIN = "Please look it over once more, then send it again."


@dataclass(slots=True)
class Filled:
    """What a visitor typed, as it is shown again, and what is not right about it, by field."""

    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    notice: str = ""

    def take(self, form: Form, name: str, chars_max: int, is_good: Callable[[str], bool], problem: str) -> None:
        """Read one field; a value that is not good is kept for the visitor to mend."""
        try:
            value = form.text(name, chars_max=PUBLIC_BODY_BYTES_MAX)
        except Refused as refused:
            self.problems[name] = refused.message
            return
        self.values[name] = value
        if len(value) > chars_max:
            self.problems[name] = f"Please say it in at most {chars_max:,} characters; these are {len(value):,}."
        elif not is_text(value) or not is_good(value):
            self.problems[name] = problem

    @classmethod
    def untimely(cls) -> "Filled":
        """For whoever was too fast or too late: the words are the same, and say nothing about which."""
        return cls(notice=AGAIN)


async def open_account(request: Request, slug: str) -> PublicAccount:  # type: ignore[type-arg]
    """The account of a public address; an unknown one is answered as any address that leads nowhere."""
    found = await accounts.account_of_slug(house_of(request).db, slug)
    if found is None:
        raise NotFoundException
    return found


def public_page(
    request: Request,  # type: ignore[type-arg]
    account: PublicAccount,
    template: str,
    title: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: object,
) -> Response[str]:
    """A page of `templates/public/`. `title` stands before the account's name."""
    web = web_of(request)
    html = web.templates.page(
        f"public/{template}", account=account, title=title, sandboxes=web.config.sandbox_sentences, **values
    )
    return Response(html, media_type=MediaType.HTML, status_code=status, headers=headers or {})


def too_many(request: Request, account: PublicAccount) -> Response[str]:  # type: ignore[type-arg]
    """The answer to whoever sends forms too often: a person learns to wait, a machine nothing else."""
    headers = {"retry-after": f"{WINDOW_S:.0f}"}
    return public_page(request, account, "later.html", "A little later, please", status=429, headers=headers)


async def record_refusal(request: Request, account: PublicAccount, form: str, reason: str) -> None:  # type: ignore[type-arg]
    """Let the log know that a form was refused and why (a verdict, or a word), as long as it is no flood."""
    web, key = web_of(request), f"t:{account.id}"
    if web.public_meter.count(key) < REFUSALS_TOLD_MAX:
        web.public_meter.add(key)
        await PublicRoom(house_of(request)).refused(account, form, str(reason))
