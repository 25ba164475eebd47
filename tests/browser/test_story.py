"""What a person does with Trinity, in a real browser on the real thing."""

import os
import re
import signal

import pytest

from tests.browser.conftest import Stack, Watched

pytestmark = pytest.mark.browser


def start_run(watched: Watched, addr: str, name: str) -> None:
    watched.go("/projects")
    watched.page.click("a.row-link")
    watched.page.fill("textarea[name=goal]", f"Offer {name} a first look at their website.")
    watched.page.fill("input[name=contact_addr]", addr)
    watched.page.fill("input[name=contact_name]", name)
    watched.page.click("#start-run button.primary")
    watched.page.wait_for_url(re.compile("/runs/"))


def test_start_watch_read_approve_sent_proved(watched: Watched, stack: Stack) -> None:
    page = watched.page
    start_run(watched, "ada@customer.example", "Ada Byron")
    page.wait_for_selector(".event-plan")
    page.wait_for_selector(".event-intent")
    page.wait_for_selector(".isolation:not(:has-text('has not started'))")
    page.click("text=Read and decide")

    letter = page.locator(".letter")
    letter.wait_for()
    assert "ada@customer.example" in letter.inner_text()
    assert "same words as the text" in letter.inner_text()
    assert "SANDBOX" in page.locator(".decide").inner_text()
    decision, agent = page.locator("#decide-form").bounding_box(), page.locator(".agent").bounding_box()
    assert decision and agent and decision["y"] + decision["height"] <= agent["y"]
    subject = page.locator(".letter-subject").inner_text()
    page.fill("textarea[name=reason]", "Reads well.")
    page.click("button[value=approve]")
    page.wait_for_selector("text=Robin Owner")
    page.wait_for_selector("a:has-text('As sent')", timeout=120_000)
    [sent] = [mail for mail in stack.sent() if mail["recipients"] == ["ada@customer.example"]]
    assert sent["mailbox"] == "desk@northwind.example"

    page.click("a:has-text('As sent')")
    page.wait_for_selector(".letter-subject")
    assert page.locator(".letter-subject").inner_text() == subject
    page.click("aside a:has-text('Proof')")
    page.wait_for_selector(".head .chip:has-text('verified')", timeout=120_000)
    assert page.locator("#properties-title ~ .checks .check-ok").count() == 7
    page.click("text=Verify now")
    page.wait_for_selector(".verdict")
    with page.expect_download() as download:
        page.click("text=Download packet")
    assert download.value.suggested_filename.startswith("tool-call-")


def test_a_killed_web_server_is_survived_by_an_open_page(watched: Watched, stack: Stack) -> None:
    page = watched.page
    start_run(watched, "grace@customer.example", "Grace Hopper")
    page.wait_for_selector("a:has-text('Read and decide')")
    page.click("text=Read and decide")
    page.fill("textarea[name=reason]", "Half a sentence")
    watched.wait_until_live()
    watched.is_server_killed = True
    os.kill(stack.web_pid(), signal.SIGKILL)
    page.wait_for_selector("html[data-live=off]")
    watched.wait_until_live()
    assert page.locator("textarea[name=reason]").input_value() == "Half a sentence"
    page.click("button[value=reject]")
    page.wait_for_selector(".head .chip:has-text('rejected')")
    assert [mail for mail in stack.sent() if "grace@customer.example" in mail["recipients"]] == []


def test_two_windows_tell_the_same_truth(watched: Watched, stack: Stack) -> None:
    start_run(watched, "alan@customer.example", "Alan Turing")
    watched.page.wait_for_selector("a:has-text('Read and decide')")
    other = watched.page.context.new_page()
    other.goto(f"{stack.base_url}/approvals")
    row = other.locator("tr", has_text="alan@customer.example")
    row.wait_for()
    watched.page.click("text=Read and decide")
    watched.page.click("button[value=reject]")
    row.wait_for(state="detached")


def test_everything_is_reachable_by_keyboard(watched: Watched) -> None:
    page = watched.page
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/projects")
    watched.wait_until_live()
    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open]")
    page.keyboard.type("sent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mail")
    watched.wait_until_live()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_refusal_keeps_what_was_typed(watched: Watched) -> None:
    page = watched.page
    watched.go("/projects")
    page.click("a.row-link")
    page.fill("textarea[name=goal]", "A goal that I do not want to type again.")
    page.fill("input[name=contact_addr]", "a@b")
    page.click("#start-run button.primary")
    page.wait_for_selector("#start-run .alert")
    assert "mail address" in page.locator("#start-run .alert").inner_text()
    assert page.locator("textarea[name=goal]").input_value() == "A goal that I do not want to type again."
    watched.complaints = [text for text in watched.complaints if "422" not in text]


def test_without_script_the_forms_do_the_same(browser: object, stack: Stack) -> None:
    from playwright.sync_api import Browser

    assert isinstance(browser, Browser)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{stack.base_url}/")
    page.fill("input[name=email]", stack.email)
    page.fill("input[name=password]", stack.password)
    page.click("button.primary")
    page.click("a:has-text('Projects') >> nth=0")
    page.click("a.row-link")
    page.fill("textarea[name=goal]", "Write to Edsger.")
    page.fill("input[name=contact_addr]", "edsger@customer.example")
    page.click("#start-run button.primary")
    assert "/runs/" in page.url
    page.click("button:has-text('Stop')")
    assert page.locator(".head .chip").inner_text() == "stopped"
    page.click("button[title='Sign out']")
    assert page.url.endswith("/sign-in")
    context.close()
