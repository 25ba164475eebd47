"""Domains and addresses: one spelling each, nothing repaired, and no neighbour passes for another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.kit.addresses import Website, domain_of, normal_address, normal_domain, normal_website

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda text: text[2:4] != "--")
DOMAIN = st.builds(
    lambda labels, last: ".".join([*labels, last]),
    st.lists(LABEL, min_size=1, max_size=3),
    st.sampled_from(["example", "com", "co"]),
)


@given(DOMAIN)
def test_a_plain_domain_stands_for_itself_in_any_case(domain: str) -> None:
    assert normal_domain(domain) == domain
    assert normal_domain(domain.upper()) == domain


@given(st.text(max_size=60))
def test_what_comes_out_is_ascii_and_stays_as_it_is(text: str) -> None:
    found = normal_domain(text)
    if found is not None:
        assert found.isascii() and found == found.lower() and "." in found
        assert normal_domain(found) == found


@given(DOMAIN, LABEL)
def test_neighbours_of_a_domain_are_other_domains(domain: str, label: str) -> None:
    assert normal_domain(f"{label}.{domain}") != domain
    assert normal_domain(f"{domain}.{label}x") != domain
    assert normal_address(f"ann@{label}.{domain}") != f"ann@{domain}"


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "example.com.", ".example.com", "a..b.example", "-a.example", "a-.example", "127.0.0.1",
     "[127.0.0.1]", "example.com/", "exam ple.com", "example.com\n", "a_b.example", "ex%61mple.com", "xn--.example",
     "xn--zzzzzzzzzzz--.example", "a" * 64 + ".example", "a." * 130 + "example", "user@example.com", "example.com:25"],
)  # fmt: skip
def test_what_is_no_domain_is_none(text: str) -> None:
    assert normal_domain(text) is None


def test_an_international_domain_is_its_a_label() -> None:
    assert normal_domain("bücher.example") == normal_domain("BÜCHER.example") == "xn--bcher-kva.example"
    assert normal_domain("xn--bcher-kva.example") == "xn--bcher-kva.example"
    # A Cyrillic letter looks alike and is somebody else's domain.
    assert normal_domain("b\u0430nk.example") not in (None, "bank.example")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ann.O'Neil+shop@Example.COM", "ann.o'neil+shop@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@example.com@evil.example", None),
        ('"ann b"@example.com', None),
        ("ann@example.com\nBcc: x@evil.example", None),
        ("ann b@example.com", None),
        ("änn@example.com", None),
        (".ann@example.com", None),
        ("ann@", None),
        ("@example.com", None),
        ("=?utf-8?q?ann?=@example.com", None),
        ("a" * 65 + "@example.com", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: str | None) -> None:
    assert normal_address(text) == address


@given(DOMAIN)
def test_the_domain_of_an_address_is_all_behind_the_at(domain: str) -> None:
    address = normal_address(f"Ann@{domain}")
    assert address is not None
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("example.com", Website("https://example.com/", "example.com")),
        ("www.Example.com/shop?id=1#top", Website("https://www.example.com/shop", "example.com")),
        ("http://bücher.example", Website("http://xn--bcher-kva.example/", "xn--bcher-kva.example")),
        ("javascript:alert(1)", None),
        ("ftp://example.com", None),
        ("https://user:pw@example.com", None),
        ("https://example.com:8080/", None),
        ("https://[::1]/", None),
        ("https://[", None),
        ("https://127.0.0.1/", None),
        ("not a site", None),
        ("https://example.com/" + "a" * 300, None),
    ],
)
def test_websites(text: str, site: Website | None) -> None:
    assert normal_website(text) == site


@given(st.text(max_size=80))
def test_no_text_breaks_them(text: str) -> None:
    normal_address(text)
    normal_website(text)
