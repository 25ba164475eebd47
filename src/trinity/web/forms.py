"""Reading what a form sent, and answering it: 303 to a browser without script, 204 to our own client."""

from dataclasses import dataclass
from urllib.parse import quote

from litestar import Request, Response
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.response import Redirect

from trinity.errors import Refused
from trinity.web.config import FORM_FIELDS_MAX

TEXT_CHARS_MAX = 200_000
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
FORM_TYPES = (URLENCODED, MULTIPART)
_POSTED = "trinity_posted"


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
    if request.content_type[0] != URLENCODED:
        raise Refused("unsupported_media_type", "A form was expected.", status=415)
    items = list((await posted(request)).multi_items())
    values = {name: value for name, value in items if isinstance(value, str)}
    if len(values) != len(items) or len(items) > FORM_FIELDS_MAX:
        raise Refused("invalid_payload", "The form has repeated or too many fields.", status=422)
    return Form(values)


@dataclass(frozen=True, slots=True)
class Upload:
    """A posted form with one file. Its name and type are what the sender says."""

    form: Form
    name: str
    media_type: str
    data: bytes


async def read_upload(request: Request, *, bytes_max: int) -> Upload:  # type: ignore[type-arg]
    """The posted form with its one file, in the field `file`. The route's own limit bounds the whole body."""
    if request.content_type[0] != MULTIPART:
        raise Refused("unsupported_media_type", "A form with a file was expected.", status=415)
    try:
        return await _one_file(await posted(request), bytes_max)
    finally:
        await let_go(request)


async def _one_file(fields: FormMultiDict, bytes_max: int) -> Upload:
    items = list(fields.multi_items())
    values = {name: value for name, value in items if isinstance(value, str)}
    files = [value for name, value in items if isinstance(value, UploadFile) and name == "file"]
    if len(items) != len(values) + len(files) or len(files) > 1 or len(items) > FORM_FIELDS_MAX:
        raise Refused("invalid_payload", "The form has repeated or too many fields.", status=422)
    if not files:
        raise Refused("invalid_payload", "Choose a file.", status=422)
    data = await files[0].read(bytes_max + 1)
    if len(data) > bytes_max:
        raise Refused("too_large", f"A file has at most {bytes_max // 1_000_000} MB.", status=413)
    return Upload(Form(values), files[0].filename, files[0].content_type, data)


async def posted(request: Request) -> FormMultiDict:  # type: ignore[type-arg]
    """The fields of a form; what is not text where text belongs is refused and no error of ours."""
    try:
        found = await request.form()
    except (UnicodeDecodeError, LookupError) as error:
        raise Refused("invalid_payload", "A field of the form is no text.", status=422) from error
    request.scope["state"][_POSTED] = found
    return found


async def let_go(request: Request) -> None:  # type: ignore[type-arg]
    """Close the files of a form that was read: the larger ones lie on the disk."""
    found = request.scope["state"].get(_POSTED)
    if isinstance(found, FormMultiDict):
        await found.close()


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
