"""Incidents in a browser: they appear by themselves, on every page, and what stands beside a page stays whole."""

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Watched
from tests.browser.served import Served
from tests.web.desk_in_memory import incident, key
from trinity.web.views import Posture

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def alarm(served: Served) -> None:
    served.change(lambda desk: desk.incidents_.insert(0, incident()))


def test_an_incident_appears_on_home_and_leads_to_its_call(view: Watched, served: Served) -> None:
    view.go("/")
    view.wait_until_live()
    page = view.page
    assert page.locator("text=Look at this first").count() == 0
    alarm(served)
    panel = page.locator(".panel-bad", has_text="Look at this first")
    panel.wait_for()
    tiles = page.locator(".tiles").bounding_box()
    box = panel.bounding_box()
    assert box and tiles and box["y"] + box["height"] <= tiles["y"]
    assert page.locator("#nav-incidents .count-bad").inner_text().startswith("1")
    panel.locator("a.row-link").click()
    page.wait_for_url(f"**/tool-calls/{key(10)}")


def test_the_list_is_live_and_what_was_unfolded_stays_so(view: Watched, served: Served) -> None:
    served.desk.incidents_ = [incident()]
    view.go("/incidents")
    view.wait_until_live()
    page = view.page
    page.click(f"#facts-{key(800)} summary")
    page.wait_for_selector("text=digest_mismatch")
    served.change(lambda desk: desk.incidents_.insert(0, incident(801, "effect_doubled")))
    page.wait_for_selector("text=One approval, more than one mail")
    assert page.locator(f"#facts-{key(800)}").get_attribute("open") is not None
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(f"{view.base_url}/")


@pytest.mark.parametrize("height", [500, 700, 1000])
def test_the_foot_of_the_side_is_seen_whole_below_the_strips(view: Watched, served: Served, height: int) -> None:
    served.desk.posture_ = Posture("hold", "Careful.")
    view.page.set_viewport_size({"width": 1100, "height": height})
    for path in ("/incidents", f"/approvals/{key(510)}"):
        view.go(path)
        view.wait_until_live()
        for y in (0, 10_000):
            view.page.evaluate(f"scrollTo(0, {y})")
            assert_in_sight(view.page, ".person", height)
            assert_in_sight(view.page, ".side .brand", height)


def assert_in_sight(page: "Page", selector: str, height: int) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    assert box["y"] >= 0, (selector, box)
    assert box["y"] + box["height"] <= height, (selector, box)


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_no_page_is_wider_than_its_window(view: Watched, served: Served, width: int) -> None:
    served.desk.incidents_ = [incident(), incident(801, "an_unknown_kind_of_incident_with_a_long_name", "warning")]
    view.page.set_viewport_size({"width": width, "height": 700})
    for path in ("/", "/incidents", "/docs", "/docs/operations", "/docs/readme", "/docs/adr", "/docs/architecture"):
        view.go(path)
        wider = view.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, path
