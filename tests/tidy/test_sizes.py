"""Files and functions stay small. A debt may be paid off or get smaller; it can't grow, and none can be added."""

from tests.tidy.source import ROOT, functions, modules, name_of, tracked

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

FILE_DEBTS = {
    "src/trinity/store/migrations/versions/0001_the_first_schema.py": 501,
}
"""A migration that has been run is never rewritten."""
FUNCTION_DEBTS = {
    "src/trinity/store/migrations/versions/0001_the_first_schema.py:upgrade": 467,
}


def long_files() -> dict[str, int]:
    kinds = (".py", ".js", ".css", ".html")
    sizes = {
        name_of(path): len(path.read_text().splitlines())
        for path in tracked()
        if path.suffix in kinds and name_of(path).startswith(("src/", "tests/", "bench/"))
    }
    return {name: size for name, size in sizes.items() if size > FILE_LINES_MAX and not name.endswith(".css")}


def long_functions() -> dict[str, int]:
    sizes = {
        f"{name}:{function.name}": (function.end_lineno or function.lineno) - function.lineno + 1
        for name, tree in modules().items()
        for function in functions(tree)
    }
    return {name: size for name, size in sizes.items() if size > FUNCTION_LINES_MAX}


def judge(found: dict[str, int], debts: dict[str, int]) -> list[str]:
    """What is wrong with these sizes, given these debts."""
    grown = [f"{name}: {size} lines" for name, size in found.items() if size > debts.get(name, 0)]
    paid = [f"{name}: strike this debt, it is paid" for name in debts if name not in found]
    smaller = [
        f"{name}: lower this debt to {found[name]}" for name in debts if found.get(name, debts[name]) < debts[name]
    ]
    return grown + paid + smaller


def test_files_are_small() -> None:
    assert judge(long_files(), FILE_DEBTS) == []


def test_functions_are_small() -> None:
    assert judge(long_functions(), FUNCTION_DEBTS) == []


def test_the_judge_sees_growth_payment_and_shrinking() -> None:
    assert judge({"new": 500}, {}) == ["new: 500 lines"]
    assert judge({"old": 501}, {"old": 500}) == ["old: 501 lines"]
    assert judge({}, {"old": 500}) == ["old: strike this debt, it is paid"]
    assert judge({"old": 450}, {"old": 500}) == ["old: lower this debt to 450"]
    assert judge({"old": 500}, {"old": 500}) == []


def test_there_is_something_to_measure() -> None:
    assert len(modules()) > 50
    assert (ROOT / "src/trinity/kit/canonical.py").exists()
