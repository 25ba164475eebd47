"""Our own client: what a person does to a page survives the page's changes, and nothing in it is code."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Watched
from tests.browser.served import Served
from tests.web.desk_in_memory import DeskInMemory, call, call_row, key
from trinity.web.views import Posture, SourceRow

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.browser
CARD = f"/approvals/{key(510)}"
PROJECT = f"/projects/{key(5)}"


def add_source(desk: DeskInMemory) -> None:
    desk.sources[key(8)] = SourceRow(key(8), "operator", "A new one", 5, "released", desk.who.expires_at, "Text.")


def test_typed_text_focus_and_selection_survive_a_patch(view: Watched, served: Served) -> None:
    view.go(PROJECT)
    view.wait_until_live()
    page = view.page
    page.click("#add-source summary")
    page.fill("textarea[name=goal]", "Half a goal")
    page.fill("#add-source-form input[name=title]", "Half a title")
    page.locator("textarea[name=goal]").focus()
    page.evaluate("document.activeElement.setSelectionRange(2, 6)")
    served.change(add_source)
    page.wait_for_selector("text=A new one")
    assert page.evaluate("document.activeElement.name") == "goal"
    assert page.evaluate("[document.activeElement.selectionStart, document.activeElement.selectionEnd]") == [2, 6]
    assert page.locator("textarea[name=goal]").input_value() == "Half a goal"
    assert page.locator("#add-source-form input[name=title]").input_value() == "Half a title"
    assert page.locator("#add-source").get_attribute("open") is not None


def test_the_first_patch_keeps_what_was_typed_before_it(view: Watched, served: Served) -> None:
    page = view.page
    page.route("**/*", lambda route: route.continue_() if "event-stream" not in str(route.request.headers) else None)
    view.go(PROJECT)
    page.fill("textarea[name=goal]", "Typed at once")
    page.fill("input[name=contact_addr]", "typed@customer.example")
    page.fill("input[name=contact_name]", "Typed too")
    handle = page.locator("textarea[name=goal]").element_handle()
    page.unroute("**/*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    view.wait_until_live()
    assert page.locator("textarea[name=goal]").input_value() == "Typed at once"
    assert page.locator("input[name=contact_addr]").input_value() == "typed@customer.example"
    assert page.locator("input[name=contact_name]").input_value() == "Typed too"
    assert handle.evaluate("element => element.isConnected"), "the very element is kept, not a copy"
    assert page.locator("#start-run input[name=csrf_token]").count() == 1


def test_scroll_stays_where_it_was(view: Watched, served: Served) -> None:
    view.go(CARD)
    view.wait_until_live()
    view.page.evaluate("scrollTo(0, 300)")
    served.change(lambda desk: setattr(desk, "posture_", Posture("draft_only", "Careful today.")))
    view.page.wait_for_selector("text=Careful today.")
    assert view.page.evaluate("scrollY") >= 280


def test_a_row_that_goes_away_leaves_the_others_alone(view: Watched, served: Served) -> None:
    view.go("/approvals?state=all")
    view.wait_until_live()
    page = view.page
    kept = page.locator(f"#row-{key(12)}").element_handle()
    served.change(lambda desk: desk.calls.pop(key(10)))
    page.locator(f"#row-{key(10)}").wait_for(state="detached")
    assert kept.evaluate("element => element.isConnected")


def test_hostile_text_in_a_patch_is_text(view: Watched, served: Served) -> None:
    view.go("/approvals")
    view.wait_until_live()
    subject = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    served.change(lambda desk: desk.calls.update({key(10): call(call_row(10, subject=subject))}))
    view.page.wait_for_selector("text=<img src=x")
    assert view.page.locator("main img, main script").count() == 0


def test_a_decision_appears_by_itself(view: Watched, served: Served) -> None:
    view.go(CARD)
    view.wait_until_live()

    def approve(desk: DeskInMemory) -> None:
        row = replace(desk.calls[key(10)].row, state="ready", approval_state="approved")
        desk.calls[key(10)] = call(row)

    served.change(approve)
    view.page.wait_for_selector("#revoke-form")
    assert view.page.locator("#decide-form").count() == 0


def test_a_session_that_ends_leads_to_the_sign_in(view: Watched, served: Served) -> None:
    view.go("/runs")
    view.wait_until_live()

    def revoke(desk: DeskInMemory) -> None:
        desk.tokens.clear()
        topic = f'{{"a":"{desk.who.account_id}","t":"session:{desk.who.session_id}"}}'
        served.loop.call_soon_threadsafe(served.hub.hear, topic)

    served.change(revoke)
    view.page.wait_for_url("**/sign-in?next=/runs")


def test_a_refusal_stands_beside_what_was_typed(view: Watched, served: Served) -> None:
    view.go(CARD)
    view.wait_until_live()
    page = view.page
    page.fill("textarea[name=reason]", "My reason")
    page.evaluate("document.querySelector('[name=envelope_digest]').value = '0'.repeat(64)")
    page.click("button[value=approve]")
    alert = page.wait_for_selector("#decide-form .alert")
    assert alert is not None
    assert "Reload and read it again" in alert.inner_text()
    assert page.locator("textarea[name=reason]").input_value() == "My reason"
    assert served.desk.done == []
    view.complaints = [text for text in view.complaints if "409" not in text]


def test_a_hidden_tab_rests_and_comes_back_to_the_truth(view: Watched, served: Served) -> None:
    view.go("/approvals")
    view.wait_until_live()
    page = view.page
    hide = "(is) => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    page.wait_for_selector("html[data-live=rest]")
    served.change(lambda desk: setattr(desk, "posture_", Posture("hold", "While you were away.")))
    page.wait_for_timeout(300)
    assert page.locator("text=While you were away.").count() == 0
    page.evaluate(hide, False)
    page.wait_for_selector("text=While you were away.")


def test_every_control_has_a_name(view: Watched) -> None:
    """WCAG 2.2, 4.1.2: what can be used says what it is."""
    nameless = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), textarea')]
      .filter((e) => !(e.innerText?.trim() || e.labels?.[0]?.textContent.trim() || e.ariaLabel || e.title
        || e.textContent.trim()))
      .map((e) => e.outerHTML.slice(0, 80))"""
    for path in ("/", PROJECT, CARD, f"/runs/{key(3)}", "/approvals", f"/proof/tool-call/{key(12)}"):
        view.go(path)
        assert view.page.evaluate(nameless) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390, 320])
def test_no_page_is_wider_than_its_window(view: Watched, scheme: str, width: int) -> None:
    page = view.page
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in (
        "/",
        "/projects",
        PROJECT,
        f"/sources/{key(7)}",
        "/runs",
        f"/runs/{key(3)}",
        "/approvals",
        CARD,
        f"/tool-calls/{key(12)}",
        "/mail",
        f"/mail/{key(12)}",
        "/proof",
        f"/proof/tool-call/{key(12)}?verify=now",
    ):
        view.go(path)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, (path, over)


def test_text_stands_out_from_its_ground(view: Watched) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, in both schemes, for every text that is drawn."""
    for scheme in ("light", "dark"):
        view.page.emulate_media(color_scheme=scheme)
        for path in ("/", CARD, f"/runs/{key(3)}", f"/tool-calls/{key(12)}", f"/proof/tool-call/{key(12)}?verify=now"):
            view.go(path)
            assert view.page.evaluate(CONTRAST) == [], (scheme, path)


CONTRAST = """() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const draw = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    draw.clearRect(0, 0, 1, 1); draw.fillStyle = colour; draw.fillRect(0, 0, 1, 1);
    return [...draw.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return null;
      const colour = rgba(style.backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
    if (!own || !element.checkVisibility({ opacityProperty: true }) || element.closest('.unseen, .skip, .toast, svg')) continue;
    const back = ground(element);
    if (!back) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.className} ${element.textContent.trim().slice(0, 30)}`);
  }
  return found;
}"""
