"""`/c/pay/{session}`: the hosted page, on which a person pays with a test card; and `/`, for people who look in.

Both say SANDBOX and work without script. All that is shown is escaped; the policy lets the form go to this
server and on to the two addresses that the session names.
"""

import html
from urllib.parse import parse_qs, urlsplit

from litestar import MediaType, Response, get, post
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.stripe import checkout
from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.cards import MEANS, Means
from trinity_sandbox.stripe.money import spoken
from trinity_sandbox.stripe.service import Http, service_of

PAGE_FORM_BYTES_MAX = 16_384
PAGE_FIELDS_MAX = 20
EMAIL_CHARS_MAX = 254
NAME_CHARS_MAX = 200
SHOWN_MAX = 100
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 40rem; padding: 1rem; }
header { border-bottom: 2px solid #b45309; margin-bottom: 1rem; }
b.sandbox { background: #b45309; border-radius: .3rem; color: #fff; letter-spacing: .08em; padding: .1rem .5rem; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .35rem 0; text-align: left; }
td:last-child, th:last-child { text-align: right; white-space: nowrap; }
tfoot th { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
fieldset { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; margin: 1rem 0; }
label { display: block; margin: .5rem 0; } input:not([type=radio]) { box-sizing: border-box; font: inherit;
  padding: .5rem; width: 100%; }
button { background: #1d4ed8; border: 0; border-radius: .4rem; color: #fff; cursor: pointer; font: inherit;
  font-weight: 600; padding: .7rem 1rem; width: 100%; }
[role=alert] { border-left: 4px solid #dc2626; padding: .25rem .75rem; } td { overflow-wrap: anywhere; }
"""

type Page = Response[str]


@get("/c/pay/{session_id:str}", media_type=MediaType.HTML)
async def pay_page(request: Http, session_id: str) -> Page:
    """What is bought, and the form; or what became of the session."""
    service_of(request).sweep()
    session = service_of(request).books.find(session_id, kind="checkout.session")
    return _not_found() if session is None else _session_page(request, session)


@post("/c/pay/{session_id:str}", media_type=MediaType.HTML, status_code=303)
async def pay(request: Http, session_id: str) -> Page:
    """The customer's try to pay: on to the success address, or the form again with the reason."""
    service = service_of(request)
    service.sweep()
    session = service.books.find(session_id, kind="checkout.session")
    if session is None:
        return _not_found()
    body = await request.body()
    if len(body) > PAGE_FORM_BYTES_MAX:
        return _html("Too much", "<p>This form is too large.</p>", status=413)
    given = parse_qs(body.decode("utf-8", "replace"), max_num_fields=PAGE_FIELDS_MAX)
    email = session["customer_email"] or given.get("email", [""])[0].strip()
    name = given.get("name", [""])[0].strip()[:NAME_CHARS_MAX] or None
    means = _means(session, given.get("means", [""])[0])
    filled = (email[:EMAIL_CHARS_MAX], name or "")
    if "@" not in email or len(email) > EMAIL_CHARS_MAX:
        return _session_page(request, session, "Please give an email address.", status=400, filled=filled)
    if means is None and session["amount_total"]:
        return _session_page(request, session, "Please choose a test card.", status=400, filled=filled)
    with service.books.transaction():
        session = service.books.find(session_id) or session
        if session["status"] != "open":
            return _session_page(request, session, status=409)
        declined = checkout.pay(service.work(session["_account"]), session, means, email, name)
    service.pump.wake()
    if declined is not None:
        return _session_page(request, session, declined, status=402, filled=filled)
    return Response("", status_code=303, headers={"location": _success(session), "cache-control": "no-store"})


@get("/", media_type=MediaType.HTML)
async def overview(request: Http) -> Page:
    """The newest charges and refunds."""
    books = service_of(request).books
    rows = []
    for one in [*books.all("charge"), *books.all("refund")][-SHOWN_MAX:]:
        cells = (one["object"], one["id"], one["status"], spoken(one["amount"], one["currency"]))
        rows.append(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>")
    table = f"<table>{''.join(rows)}</table>" if rows else "<p>Nothing was paid yet.</p>"
    return _html("Stripe", f"<p>A stand-in on this machine. No money moves.</p>{table}")


def _means(session: Json, name: str) -> Means | None:
    return next((one for one in _offered(session) if one.name == name.replace(" ", "")), None)


def _offered(session: Json) -> list[Means]:
    return [one for one in MEANS if one.kind in session["payment_method_types"]]


def _success(session: Json) -> str:
    return str(session["success_url"]).replace(PLACEHOLDER, session["id"])


def _not_found() -> Page:
    return _html("Not found", "<p>There is no such checkout.</p>", status=404)


def _session_page(
    request: Http, session: Json, alert: str = "", status: int = 200, filled: tuple[str, str] = ("", "")
) -> Page:
    if session["status"] == "complete":
        text = "<p>This checkout is complete. You can't pay twice.</p>"
        return _html("Paid", f'{text}<p><a href="{html.escape(_success(session))}">Go on</a></p>', status=status)
    if session["status"] == "expired":
        return _html("Expired", "<p>This checkout has expired. Nothing was charged.</p>", status=status)
    items = service_of(request).books.all("item", session["_account"], _session=session["id"])
    body = (
        _bill(items, session) + (f'<p role="alert">{html.escape(alert)}</p>' if alert else "") + _form(session, *filled)
    )
    return _html("Checkout", body, status=status, targets=[session["success_url"]])


def _bill(items: list[Json], session: Json) -> str:
    currency = session["currency"]
    lines = "".join(
        f"<tr><td>{html.escape(item['description'])} × {item['quantity']}</td>"
        f"<td>{html.escape(spoken(item['amount_total'], currency))}</td></tr>"
        for item in items
    )
    total = html.escape(spoken(session["amount_total"], currency))
    return f"<table><tbody>{lines}</tbody><tfoot><tr><th>Total</th><th id=total>{total}</th></tr></tfoot></table>"


def _form(session: Json, email: str, name: str) -> str:
    means = "".join(
        f'<label><input type="radio" name="means" value="{one.name}"{" checked" if number == 0 else ""}>'
        f" {html.escape(one.label)}</label>"
        for number, one in enumerate(_offered(session))
    )
    choice = f"<fieldset><legend>Test cards</legend>{means}</fieldset>" if session["amount_total"] else ""
    email = html.escape(session["customer_email"] or email)
    readonly = " readonly" if session["customer_email"] else ""
    cancel = (
        f'<p><a id="cancel" href="{html.escape(session["cancel_url"])}">Cancel</a></p>' if session["cancel_url"] else ""
    )
    amount = html.escape(spoken(session["amount_total"], session["currency"]))
    return (
        f'<form method="post"><label>Email <input type="email" name="email" required value="{email}"'
        f"{readonly}></label>"
        f'<label>Name <input name="name" autocomplete="name" maxlength="{NAME_CHARS_MAX}"'
        f' value="{html.escape(name)}"></label>{choice}'
        f'<button type="submit">Pay {amount}</button></form>{cancel}'
    )


def _html(title: str, body: str, status: int = 200, targets: list[str] | None = None) -> Page:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>SANDBOX {html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><header><h1>{html.escape(title)} <b class=sandbox>SANDBOX</b></h1>"
        f"<p>Stripe's stand-in. Use test cards only: no money moves.</p></header><main>{body}</main></body></html>"
    )
    # A browser holds the redirect after a form's POST against form-action, too.
    origins = " ".join(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in targets or [])
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self' {origins}".strip()
    headers = {"content-security-policy": policy, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return Response(text, media_type=MediaType.HTML, status_code=status, headers=headers)


ROUTES: list[HTTPRouteHandler] = [pay_page, pay, overview]
