"""Form bodies: what is written is read again, and what is malformed is refused."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity_sandbox.stripe import form
from trinity_sandbox.stripe.errors import StripeError
from trinity_sandbox.stripe.fields import Fields

names = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=12)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
trees = st.dictionaries(
    names,
    st.recursive(values, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=12),
    max_size=4,
)


@given(trees)
def test_what_is_written_is_read_again(tree: form.Tree) -> None:
    def depth(value: str | form.Tree) -> int:
        return 0 if isinstance(value, str) else 1 + max((depth(one) for one in value.values()), default=0)

    if depth(tree) > form.DEPTH_MAX:
        with pytest.raises(ValueError, match="deeply"):
            form.decode(form.encode(tree))
    else:
        assert form.decode(form.encode(tree)) == tree


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        tree = form.decode(body)
    except ValueError:
        return
    assert form.decode(form.encode(tree)) == tree or not tree


@given(st.lists(st.tuples(names, values), max_size=10))
def test_flat_forms_are_what_the_standard_library_writes(pairs: list[tuple[str, str]]) -> None:
    assert form.decode(urlencode(pairs).encode()) == dict(pairs)


def test_arrays_with_and_without_numbers() -> None:
    assert form.decode(b"expand[]=a&expand[]=b&x[1][y]=2&x[0][y]=1") == {
        "expand": {"0": "a", "1": "b"},
        "x": {"1": {"y": "2"}, "0": {"y": "1"}},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"[a]=1",
        b"a[=1",
        b"a]=1",
        b"a[b]c=1",
        b"a[][b]=1",
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"a" + b"[b]" * form.DEPTH_MAX + b"=1",
        b"&".join(b"a=1" for _ in range(form.PAIRS_MAX + 1)),
        b"a=" + b"x" * form.FORM_BYTES_MAX,
        b"a=%ff",
    ],
)
def test_a_malformed_form_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which sentence does not matter
        form.decode(body)


@given(st.integers(-(10**14), 10**14))
def test_whole_numbers_are_read_exactly(number: int) -> None:
    assert Fields({"amount": str(number)}).integer("amount", must=True) == number


@pytest.mark.parametrize("text", ["1.0", "1e3", "٣", " 1", "+1", "--1", "0x1", "1_000", "", "-", "9" * 16])
def test_anything_else_is_no_whole_number(text: str) -> None:
    with pytest.raises(StripeError):
        Fields({"amount": text}).integer("amount")


def test_what_nobody_read_is_refused_with_its_full_name() -> None:
    fields = Fields(form.decode(b"items[0][price]=p&items[0][colour]=red"))
    assert fields.items("items")[0].text("price") == "p"
    with pytest.raises(StripeError) as refused:
        fields.end()
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "items[0][colour]")


def test_arrays_keep_the_order_of_their_numbers() -> None:
    fields = Fields(form.decode(b"&".join(f"x[{n}]={n}".encode() for n in (10, 2, 1, 0))))
    assert fields.texts("x") == ["0", "1", "2", "10"]


def test_metadata_is_merged_and_taken_away() -> None:
    held = {"a": "1", "b": "2", "0": "zero"}
    assert Fields(form.decode(b"metadata[a]=&metadata[c]=3")).metadata(held=held) == {"b": "2", "c": "3", "0": "zero"}
    assert Fields({"metadata": ""}).metadata(held=held) == {}
    assert Fields({}).metadata(held=held) == held
    bad_ones: list[form.Tree] = [
        {f"k{n}": "v" for n in range(51)},
        {"k" * 41: "v"},
        {"k": "v" * 501},
        {"k": {"deeper": "v"}},
    ]
    for bad in bad_ones:
        with pytest.raises(StripeError):
            Fields({"metadata": bad}).metadata()
