"""A stranger buys on the hosted page, and the owner follows the order to its proof, in a real browser."""

import re

import pytest

from tests.browser.conftest import Stack, Watched

pytestmark = pytest.mark.browser

HOME = "/p/northwind-studio"
HUMAN_MS = 3_000
"""What the form takes for a person's time; whoever is faster is taken for a machine."""
DELIVERY_MS = 150_000
"""The undo window, and two shared cores that run all of Trinity and Chromium."""


def test_from_the_offer_over_stripes_page_to_the_proof(anonymous: Watched, stack: Stack) -> None:
    page = anonymous.page
    buy(anonymous)
    page.wait_for_selector("h1:has-text('Thank you')")

    anonymous.go("/sign-in")
    page.fill("input[name=email]", stack.email)
    page.fill("input[name=password]", stack.password)
    page.click("button.primary")
    anonymous.wait_until_live()
    anonymous.go("/orders")
    page.click("tr:has-text('mary@customer.example') a.row-link")
    order_url = page.url
    page.click("a:has-text('Read and decide')")
    assert "kettles" in page.locator("main").inner_text()
    page.click("button:has-text('Release')")
    page.wait_for_selector(".chip:has-text('released')")

    page.goto(order_url)
    anonymous.wait_until_live()
    page.click("a:has-text('The report')", timeout=DELIVERY_MS)
    page.click("#release button")
    page.wait_for_selector(".chip:has-text('released')")
    anonymous.go("/approvals")
    page.click("tr:has-text('mary@customer.example') a.row-link")
    letter = page.locator(".letter")
    letter.wait_for()
    assert ".pdf" in letter.inner_text()
    page.click("button[value=approve]")
    page.wait_for_selector("text=Robin Owner")

    page.goto(order_url)
    page.wait_for_selector(".chip:has-text('delivered')", timeout=DELIVERY_MS)
    [sent] = [mail for mail in stack.sent() if mail["recipients"] == ["mary@customer.example"]]
    assert sent["mailbox"] == "desk@northwind.example"
    page.click(".head a:has-text('Proof')")
    page.wait_for_url(re.compile("/proof/order/"))
    page.wait_for_selector(".head .chip:has-text('verified')", timeout=DELIVERY_MS)
    page.click("text=Verify now")
    page.wait_for_selector(".verdict")
    with page.expect_download() as download:
        page.click("text=Download packet")
    assert download.value.suggested_filename.startswith("order-")


def buy(watched: Watched) -> None:
    """What a stranger does: the public page, the offer, its form, Stripe's page, and back."""
    page = watched.page
    watched.go(HOME)
    page.click("a[href*='/offers/']")
    page.fill("input[name=name]", "Mary Somerville")
    page.fill("input[name=email]", "mary@customer.example")
    page.fill("textarea[name=intake]", "Please look at our shop for kettles.")
    page.wait_for_timeout(HUMAN_MS)
    page.click("button:has-text('Go to payment')")
    page.wait_for_url(re.compile("/c/pay/"))
    assert "SANDBOX" in page.locator("header").inner_text()
    page.get_by_label("Name").fill("Mary Somerville")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    page.wait_for_url(re.compile(f"{HOME}/thanks/"))
