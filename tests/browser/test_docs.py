"""The documents in a browser: read without a session, walked through by their links, nothing refused by the policy."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import STEP_MS, Watched
from tests.browser.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def visitor(browser: "Browser", served: Served) -> Iterator[Watched]:
    """A page of somebody who is not signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(STEP_MS)
    watched = Watched(context.new_page(), served.base_url)
    watched.page.on("console", watched.hear)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    yield watched
    context.close()
    watched.assert_silent()


def test_from_the_sign_in_through_the_documents_and_back(visitor: Watched) -> None:
    page = visitor.page
    visitor.go("/sign-in")
    page.click("text=Documentation")
    page.wait_for_url("**/docs")
    assert page.locator("h1").inner_text() == "Trinity"
    page.click("nav >> text=Operations")
    page.wait_for_url("**/docs/operations")
    page.click("main >> text=README")
    page.wait_for_url("**/docs/readme#settings")
    visitor.until("document.getElementById('settings').getBoundingClientRect().top < 200")
    top = page.locator("#settings").bounding_box()
    bar = page.locator(".docs-top").bounding_box()
    assert top and bar and top["y"] >= bar["height"] - 1, "the heading stands below the bar, not behind it"
    page.click("text=Open Trinity")
    page.wait_for_url(re.compile("/sign-in"))


def test_the_picture_is_shown_and_has_its_dark_twin(visitor: Watched) -> None:
    page = visitor.page
    page.emulate_media(color_scheme="dark")
    visitor.go("/docs/readme")
    image = page.locator("main img").first
    image.scroll_into_view_if_needed()
    visitor.until("document.querySelector('main img').naturalWidth > 100")
    assert image.evaluate("image => image.currentSrc").endswith("-dark.png")


def test_wide_things_scroll_by_themselves_and_by_keyboard(visitor: Watched) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 375, "height": 700})
    visitor.go("/docs/operations")
    table = page.locator(".doc-table").first
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    table.focus()
    page.keyboard.press("ArrowRight")
    visitor.until("document.querySelector('.doc-table').scrollLeft > 0")
