"""A file through a real browser: uploaded, refused, released, downloaded byte for byte, with and without script."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Stack, Watched
from tests.sources.samples import PDF, PNG

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_a_document_is_uploaded_released_and_downloaded(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    brief = tmp_path / "Grüße & “brief” №7.pdf"
    brief.write_bytes(PDF)
    wrong = tmp_path / "holiday.pdf"
    wrong.write_bytes(PNG)
    watched.go("/files")
    watched.wait_until_live()
    page.set_input_files("#upload input[type=file]", wrong)
    page.click("#upload button.primary")
    page.wait_for_selector("#upload .alert")
    assert "it does not begin as a PDF" in page.inner_text("#upload .alert")
    assert "422" in watched.complaints.pop()
    page.set_input_files("#upload input[type=file]", brief)
    page.click("#upload button.primary")
    page.wait_for_url("**/files/*-*")
    watched.wait_until_live()
    assert page.inner_text("h1") == brief.name
    page.click("#look summary")
    with page.expect_download() as taken:
        page.click("#download-quarantined")
    assert Path(taken.value.path()).read_bytes() == PDF
    page.click("#release button")
    page.wait_for_selector("#download")
    with page.expect_download() as taken:
        page.click("#download")
    assert taken.value.suggested_filename == brief.name
    assert Path(taken.value.path()).read_bytes() == PDF
    watched.go("/files?state=released")
    page.wait_for_selector(f"text={brief.name}")


def test_the_list_shows_what_somebody_else_uploads_while_a_file_is_chosen(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    chosen = tmp_path / "chosen.txt"
    chosen.write_text("chosen and not sent yet")
    watched.go("/files")
    watched.wait_until_live()
    page.set_input_files("#upload input[type=file]", chosen)
    other = page.context.new_page()
    other.goto(f"{watched.base_url}/files")
    other.set_input_files("#upload input[type=file]", {"name": "other.png", "mimeType": "image/png", "buffer": PNG})
    other.click("#upload button.primary")
    other.wait_for_url("**/files/*-*")
    page.bring_to_front()
    page.wait_for_selector("text=other.png")
    assert page.evaluate("document.querySelector('#upload input[type=file]').files[0].name") == "chosen.txt"


def test_a_browser_without_script_uploads_too(browser: "Browser", stack: Stack) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{stack.base_url}/sign-in")
    page.fill("input[name=email]", stack.email)
    page.fill("input[name=password]", stack.password)
    page.click("button.primary")
    page.goto(f"{stack.base_url}/files")
    page.set_input_files("#upload input[type=file]", {"name": "plain.png", "mimeType": "image/png", "buffer": PNG})
    page.click("#upload button.primary")
    page.wait_for_url("**/files/*-*")
    assert page.inner_text("h1") == "plain.png"
    context.close()
