"""A stranger asks on the public page without script; the owner sees it at once and moves it by keyboard."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import STEP_MS, Stack, Watched
from trinity.web.public_forms import FILL_MIN_S

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def stranger(browser: "Browser", stack: Stack) -> Iterator["Page"]:
    """A phone whose browser runs no script and has no session."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 800}, base_url=stack.base_url
    )
    context.set_default_timeout(STEP_MS)
    page = context.new_page()
    yield page
    assert context.cookies() == [], "a visitor is given no cookie"
    context.close()


def test_a_request_without_script_arrives_on_the_open_board(watched: Watched, stranger: "Page") -> None:
    board = watched.page
    watched.go("/crm")
    watched.wait_until_live()
    public = board.locator("#public-page").get_attribute("href")
    assert public and public.startswith("/p/")

    stranger.goto(public)
    stranger.click("header >> text=Ask us")
    stranger.fill("input[name=name]", "Nora Noscript")
    stranger.fill("input[name=email]", "nora@noscript.example")
    stranger.fill("input[name=website]", "not a site")
    stranger.fill("textarea[name=message]", "Can you look at our site?")
    stranger.wait_for_timeout(FILL_MIN_S * 1000 + 200)
    stranger.click("button >> text=Send it")
    stranger.wait_for_selector("#website-problem")
    assert stranger.input_value("textarea[name=message]") == "Can you look at our site?"
    stranger.fill("input[name=website]", "noscript.example")
    stranger.wait_for_timeout(FILL_MIN_S * 1000 + 200)
    stranger.click("button >> text=Send it")
    stranger.wait_for_selector("h1 >> text=Thank you")

    card = board.locator("#lane-new .deal", has_text="Nora Noscript")
    card.wait_for()
    # By keyboard: from the card's link past the person's to "Move to…", open it, and press the first stage.
    card.locator(".deal-title a").focus()
    for key in ("Tab", "Tab", "Enter", "Tab", "Enter"):
        board.keyboard.press(key)
    moved = board.locator("#lane-qualified .deal", has_text="Nora Noscript")
    moved.wait_for()

    moved.locator("text=Nora Noscript >> nth=1").click()
    board.wait_for_url(re.compile("/crm/contacts/"))
    watched.wait_until_live()
    board.click("text=Read it")
    assert "Can you look at our site?" in board.locator(".letter-body").inner_text()
    board.click("button >> text=Release to agents")
    board.wait_for_selector(".written .chip >> text=released")
    assert "The deal went from new to qualified" in board.locator("#timeline").inner_text()


def test_the_public_pages_fit_a_phone_and_name_their_fields(watched: Watched) -> None:
    watched.go("/crm")
    public = watched.page.locator("#public-page").get_attribute("href")
    phone = watched.page
    phone.set_viewport_size({"width": 390, "height": 800})
    for path in (f"{public}", f"{public}/ask", f"{public}/sponsor", f"{public}/thanks"):
        watched.go(path)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert phone.locator("h1").count() == 1
        unnamed = phone.locator("input:not([type=hidden]), textarea").evaluate_all(
            "all => all.filter(one => !one.labels.length).map(one => one.name)"
        )
        assert unnamed == []
