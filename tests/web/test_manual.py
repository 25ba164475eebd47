"""The documents as pages: open to anyone, every link leads somewhere, and nothing in them becomes markup."""

import re
from pathlib import Path

import pytest

from tests.web.conftest import Client
from trinity.errors import NotFound
from trinity.web import manual
from trinity.web.headers import CONTENT_SECURITY_POLICY

LINK = re.compile(r'(?:href|src|srcset)="(/docs[^"]*)"')
ADDRESSES = sorted({f"/docs/{name}" for name in manual.files() if name != "index"} | {"/docs", "/docs/adr"})


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Documents of the test's own."""
    caches = (manual.files, manual.entries, manual.document, manual.image)
    (tmp_path / "docs/adr").mkdir(parents=True)
    monkeypatch.setattr(manual, "root", lambda: tmp_path)
    for one in caches:
        monkeypatch.setattr(manual, one.__name__, one.__wrapped__)
    return tmp_path


def write(place: Path, text: str, name: str = "index") -> manual.Document:
    (place / f"docs/{name}.md").write_text(text)
    return manual.document(name)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_anyone_reads_a_document(client: Client, address: str) -> None:
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert len(re.findall(r"<h1", answer.text)) == 1
    assert re.search(r"<[^>]* (style|on\w+)=", answer.text) is None
    assert "<script" not in answer.text
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))
    assert answer.text.count('aria-current="page"') >= 1


async def test_every_link_leads_to_a_page_and_a_heading_on_it(client: Client) -> None:
    seen = {address: (await client.get(address)).text for address in ADDRESSES}
    links = {(address, link) for address, text in seen.items() for link in LINK.findall(text)}
    assert ("/docs/operations", "/docs/readme#settings") in links
    for address, link in links:
        page, _, fragment = link.partition("#")
        if page.startswith("/docs/images/"):
            assert (await client.get(page)).headers["content-type"].startswith("image/")
            continue
        assert page in seen, f"{address} leads to {link}"
        assert not fragment or f'id="{fragment}"' in seen[page], f"{address} leads to {link}"
    for address, text in seen.items():
        for fragment in re.findall(r'href="#([^"]+)"', text):
            assert f'id="{fragment}"' in text, f"{address} leads to #{fragment}"


@pytest.mark.parametrize(
    "address",
    [
        "/docs/nothing",
        "/docs/adr/0000-nothing",
        "/docs/images/nothing.png",
        "/docs/..%2fREADME.md",
        "/docs/images/..%2f..%2findex.md",
        "/docs/index.md",
    ],
)
async def test_nothing_else_is_served(client: Client, address: str) -> None:
    assert (await client.get(address)).status_code == 404


async def test_the_sign_in_and_every_page_lead_to_the_documents(client: Client, signed_in: Client) -> None:
    assert 'href="/docs"' in (await signed_in.get("/")).text
    client.cookies.clear()
    assert 'href="/docs"' in (await client.get("/sign-in")).text


def test_markup_in_a_document_is_text(elsewhere: Path) -> None:
    body = write(elsewhere, "# T\n\n<script>alert(1)</script> a <b>c</b>\n\n<img src=x onerror=y>\n").body
    assert "<script" not in body
    assert "<b>" not in body
    assert "<img" not in body
    assert "&lt;script&gt;" in body


def test_code_and_scripts_in_links_stay_inert(elsewhere: Path) -> None:
    text = '# T\n\n```sh\n<b>x</b> && "y"\n```\n\n[a](javascript:alert(1)) [b](data:text/html,x) `<i>`\n'
    body = write(elsewhere, text).body
    assert "&lt;b&gt;x&lt;/b&gt; &amp;&amp;" in body
    assert "href" not in body
    assert "<code>&lt;i&gt;</code>" in body


def test_headings_have_the_anchors_that_github_gives(elsewhere: Path) -> None:
    found = write(elsewhere, "# A title\n\n## What `x.y` is, & why?\n\n## Twice\n\n## Twice\n\n### Deep\n")
    assert [section.slug for section in found.sections] == ["what-xy-is--why", "twice", "twice-1"]
    assert found.sections[0].title == "What x.y is, & why?"
    assert '<h2 id="what-xy-is--why">' in found.body
    assert 'href="#twice-1"' in found.body
    assert '<h3 id="deep">' in found.body


def test_links_between_documents_are_rewritten_and_others_unwrapped(elsewhere: Path) -> None:
    (elsewhere / "docs/adr/0001-first.md").write_text("# 0001: First\n")
    (elsewhere / "README.md").write_text("# R\n")
    links = "[a](adr/0001-first.md) [b](../README.md#x) [c](../LICENSE) [d](https://x.example/) [e](#t) [f](adr/)"
    body = write(elsewhere, f"# T\n\n{links}\n").body
    found = re.findall(r'href="([^"]+)"', body)
    assert found == ["/docs/adr/0001-first", "/docs/readme#x", "https://x.example/", "#t", "/docs/adr"]
    assert ">c<" not in body
    assert " c " in body


def test_a_link_called_as_a_file_is_called_as_its_page(elsewhere: Path) -> None:
    (elsewhere / "docs/operations.md").write_text("# Running it\n\n## Keys\n")
    body = write(elsewhere, "# T\n\n[operations.md](operations.md#keys), [a.md](https://x.example/)\n").body
    assert '<a href="/docs/operations#keys">Running it</a>' in body
    assert ">a.md</a>" in body


def test_columns_are_aligned_by_class_and_pictures_have_a_dark_twin(elsewhere: Path) -> None:
    text = "# T\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n![An image](images/x-light.png)\n"
    body = write(elsewhere, text).body
    assert '<td class="num">2</td>' in body
    assert "style=" not in body
    assert 'srcset="/docs/images/x-dark.png"' in body
    assert 'alt="An image"' in body


def test_a_name_is_looked_up_and_never_a_path(elsewhere: Path) -> None:
    (elsewhere / "secret.md").write_text("# S\n")
    for name in ("../secret", "secret", "adr/../../secret", "/etc/passwd"):
        with pytest.raises(NotFound):
            manual.document(name)
    with pytest.raises(NotFound):
        manual.image("../../secret.md")
