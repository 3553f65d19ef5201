"""The folders of the package are a ladder: each knows those below it, and nothing above it."""

import ast
import sys
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

import pytest

import threadchat

PACKAGE = Path(threadchat.__file__).parent

LADDER = (
    ("text",),
    ("net",),
    ("lan",),
    ("access",),
    ("messages",),
    ("monitoring",),
    ("storage",),
    ("terminal",),
    ("chat",),
    ("commands",),
    ("link",),
    ("console",),
    ("session",),
    ("handlers", "web"),
    ("server",),
    ("cli",),
)
"""The folders from the bottom up; those on one rung know nothing of each other."""

RUNG_OF = {folder: rung for rung, folders in enumerate(LADDER) for folder in folders}

AT_THE_TOP = {"__init__", "__main__", "errors", "publicface", "testing"}
"""The modules that stand in no folder."""

SOCKETS = {
    *("socket", "socketserver", "ssl", "select", "selectors"),
    *(f"threadchat.net.{name}" for name in ("transport", "tls", "sendqueue", "sniffer")),
}
THREADS = {"threading", "queue", "concurrent", "threadchat.net.threads"}

FORBIDDEN = {
    "text": SOCKETS | THREADS,
    "messages": SOCKETS | THREADS,
    "storage": SOCKETS,
    "lan": {f"threadchat.net.{name}" for name in ("transport", "tls", "sendqueue", "sniffer")},
    "terminal": SOCKETS | THREADS,
    "chat": SOCKETS | {"threadchat.terminal"},
    "commands": SOCKETS | {"threadchat.terminal"},
    "link": SOCKETS | {"threadchat.terminal", "threadchat.commands"},
    "console": {"threadchat.session"},
    "session": SOCKETS | {"threadchat.terminal"},
    "web": {"threadchat.terminal"},
}
"""What the modules of a folder may not import, though it stands below them or is not ours."""

MOST_LINES = 450


def modules() -> dict[str, Path]:
    """Return all modules of the package by their dotted names."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


MODULES = modules()


def imports_of(name: str, path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports: modules of ours as far as they are modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports by a relative name"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


@cache
def imports() -> Mapping[str, Set[str]]:
    """Return what each module imports."""
    return {name: set(imports_of(name, path)) for name, path in MODULES.items()}


def folder_of(name: str) -> str:
    """Return the folder of a module; "" for one at the top."""
    parts = name.split(".")
    return parts[1] if len(parts) > 2 else ""


def test_what_stands_where() -> None:
    assert {folder_of(name) for name in MODULES} - {""} == set(RUNG_OF)
    assert {name.split(".")[1] for name in MODULES if not folder_of(name)} == AT_THE_TOP
    assert (PACKAGE / "py.typed").exists()


def may_import(name: str, imported: str) -> bool:
    """Whether a module of ours stands where another may import it."""
    folder, other = folder_of(name), folder_of(imported)
    if imported == "threadchat.testing":
        return name == imported
    return (
        folder not in RUNG_OF
        or imported in ("threadchat", "threadchat.errors")
        or other == folder
        or (other in RUNG_OF and RUNG_OF[other] < RUNG_OF[folder])
    )


def test_each_imports_only_what_stands_below() -> None:
    for name, imported in imports().items():
        ours = [other for other in imported if other.startswith("threadchat")]
        assert all(may_import(name, other) for other in ours), f"{name} imports {ours}"


def test_the_errors_import_nothing() -> None:
    assert imports()["threadchat.errors"] == set()


def test_only_the_top_rungs_import_the_package_itself() -> None:
    importing = {name for name, imported in imports().items() if "threadchat" in imported}
    folders = {folder_of(name) or name for name in importing}
    assert folders <= {"cli", "server", "threadchat.testing"}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_it_knows_nothing_of(folder: str) -> None:
    for name in MODULES:
        if folder_of(name) == folder:
            for imported in imports()[name]:
                for forbidden in FORBIDDEN[folder]:
                    is_it = imported == forbidden or imported.startswith(f"{forbidden}.")
                    assert not is_it, f"{name} imports {imported}"


@pytest.mark.parametrize("folder", ["terminal", "text"])
def test_no_clock_is_read_there(folder: str) -> None:
    clocks = {"time", "monotonic", "monotonic_ns", "perf_counter", "time_ns"}
    for name, path in MODULES.items():
        if folder_of(name) != folder:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                f"time.{clock}" for clock in clocks
            }:
                raise AssertionError(f"{name} reads a clock in line {node.lineno}")


def test_imports_run_one_way() -> None:
    # No circle at all, those inside a folder included.
    done: set[str] = set()
    under_way: list[str] = []

    def visit(name: str) -> None:
        assert name not in under_way, " -> ".join([*under_way, name])
        if name in done or name not in imports() or name == "threadchat":
            return
        under_way.append(name)
        for imported in sorted(imports()[name]):
            visit(imported)
        under_way.pop()
        done.add(name)

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10 * len(imports())))
    for name in MODULES:
        visit(name)
    assert done >= set(MODULES) - {"threadchat.__init__"}


def test_each_can_be_read_in_one_sitting() -> None:
    for name, path in MODULES.items():
        assert path.read_text(encoding="utf-8").count("\n") <= MOST_LINES, name


def test_the_tests_have_the_same_folders() -> None:
    tests = Path(__file__).parent
    folders = {path.name for path in tests.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert set(RUNG_OF) <= folders
