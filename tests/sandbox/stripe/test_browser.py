"""A person pays on the hosted page, in a real browser, with and without script."""

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.stripe.standin import Caller

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("has_script", [True, False])
def test_a_person_is_declined_then_pays_and_comes_back(browser: "Browser", caller: Caller, has_script: bool) -> None:
    back = f"{caller.standin.base_url}/?thanks={{CHECKOUT_SESSION_ID}}"
    session = caller.session(success_url=back, cancel_url=f"{caller.standin.base_url}/?cancelled")
    context = browser.new_context(java_script_enabled=has_script)
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(session["url"])
        assert "SANDBOX" in page.locator("header").inner_text()
        assert page.locator("#total").inner_text() == "49.00 EUR"
        page.get_by_label("Email").fill("grace@customer.example")
        page.get_by_label("Name").fill("Grace Hopper")
        page.get_by_label("4000 0000 0000 0002: declined").check()
        page.get_by_role("button", name="Pay 49.00 EUR").click()
        assert page.get_by_role("alert").inner_text() == "Your card was declined."
        complaints.clear()  # the browser logs the status of the declined page, 402
        assert page.get_by_label("Email").input_value() == "grace@customer.example"
        page.get_by_role("button", name="Pay 49.00 EUR").click()
        page.wait_for_url(f"**/?thanks={session['id']}")
        assert "SANDBOX" in page.locator("header").inner_text()
        page.goto(session["url"])
        assert "can't pay twice" in page.locator("main").inner_text()
    finally:
        context.close()
    assert [one for one in complaints if "favicon" not in one] == []
    found = caller.call("GET", f"checkout/sessions/{session['id']}")
    assert (found["payment_status"], found["customer_details"]["name"]) == ("paid", "Grace Hopper")


def test_a_person_goes_on_to_another_origin_or_cancels(browser: "Browser", caller: Caller) -> None:
    other = caller.standin.base_url.replace("127.0.0.1", "localhost")
    session = caller.session(success_url=f"{other}/?thanks", cancel_url=f"{other}/?cancelled")
    context = browser.new_context(viewport={"width": 360, "height": 740})
    try:
        page = context.new_page()
        page.goto(session["url"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.click("#cancel")
        page.wait_for_url("**/?cancelled")
        page.goto(session["url"])
        page.get_by_label("Email").fill("ada@customer.example")
        page.get_by_role("button").click()
        page.wait_for_url("**/?thanks")
        assert page.url.startswith(other)
    finally:
        context.close()
