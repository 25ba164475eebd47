"""Reading what a form sent, and answering it: 303 to a browser without script, 204 to our own client."""

from urllib.parse import quote

from litestar import Request, Response
from litestar.response import Redirect

from trinity.errors import Refused
from trinity.web.config import FORM_FIELDS_MAX

TEXT_CHARS_MAX = 200_000


class Form:
    """The fields of a posted form; each is asked for by name with its own limit."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def text(self, name: str, *, chars_max: int = 500, is_required: bool = False) -> str:
        """A field's text without outer white space; `Refused` (422) when it is missing or too long."""
        value = self._values.get(name, "").replace("\r\n", "\n").strip()
        if is_required and not value:
            raise Refused("invalid_payload", f"{_named(name)} is missing.", status=422)
        if len(value) > min(chars_max, TEXT_CHARS_MAX):
            raise Refused("invalid_payload", f"{_named(name)} is longer than {chars_max} characters.", status=422)
        if "\x00" in value:
            raise Refused("invalid_payload", f"{_named(name)} holds a character that cannot be kept.", status=422)
        return value

    def secret(self, name: str, *, chars_max: int) -> str:
        """A field exactly as typed: a password's spaces are part of it."""
        value = self._values.get(name, "")
        if not value or len(value) > chars_max:
            raise Refused("invalid_payload", f"{_named(name)} is missing or too long.", status=422)
        return value


async def read_form(request: Request) -> Form:  # type: ignore[type-arg]
    """The posted form. Files and repeated fields are not ours and are refused."""
    if request.content_type[0] != "application/x-www-form-urlencoded":
        raise Refused("unsupported_media_type", "A form was expected.", status=415)
    items = list((await request.form()).multi_items())
    values = {name: value for name, value in items if isinstance(value, str)}
    if len(values) != len(items) or len(items) > FORM_FIELDS_MAX:
        raise Refused("invalid_payload", "The form has repeated or too many fields.", status=422)
    return Form(values)


def done(request: Request, address: str, say: str = "") -> Response[None] | Redirect:  # type: ignore[type-arg]
    """The answer to a change that was made; the new state comes from the database, by page or stream."""
    if "problem+json" in request.headers.get("accept", ""):
        headers = {"trinity-location": address} | ({"trinity-say": quote(say)} if say else {})
        return Response(None, status_code=204, headers=headers)
    return Redirect(address, status_code=303)


def own_path(path: str) -> str:
    """A path on this site, or home: nothing that a browser brought leads elsewhere."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if is_ours and path.isprintable() and len(path) < 500 else "/"


def _named(name: str) -> str:
    return name.replace("_", " ").capitalize()
