"""Why what an extra needs cannot be used."""

from pathlib import Path

import pytest

from threadchat.text.extras import why_unusable

REINSTALL = "pip install --force-reinstall 'threadchat[web]'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with modules that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_one_that_is_fine_needs_no_words() -> None:
    assert why_unusable("threadchat.text.clean", "web") == ""


def test_one_that_is_missing_is_to_be_installed(folder: Path) -> None:
    install = "what that needs is not installed: pip install 'threadchat[web]'"
    assert why_unusable("nobody_has_this", "web") == install
    (folder / "needs_another.py").write_text("import nobody_has_this\n", encoding="utf-8")
    assert why_unusable("needs_another", "web") == install


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('no name X')", "(ImportError: no name X)"),
        ("raise RuntimeError('one\\n\\x1b[31mtwo')", "(RuntimeError: one two)"),
        ("raise RuntimeError", "(RuntimeError)"),
        ("1 +", "(SyntaxError: invalid syntax "),
        ("import json.nobody_has_this", "(ModuleNotFoundError: No module named 'json.nobody_"),
    ],
)
def test_one_that_is_broken_is_to_be_installed_anew(
    folder: Path, code: str, words: str, request: pytest.FixtureRequest
) -> None:
    name = f"broken_{request.node.callspec.indices['code']}"
    (folder / f"{name}.py").write_text(f"{code}\n", encoding="utf-8")
    why = why_unusable(name, "web")
    assert why.startswith(f"what that needs is installed, but broken {words}")
    assert why.endswith(f": {REINSTALL}")
    assert "\n" not in why


@pytest.mark.parametrize("error", ["OSError(24, 'none left')", "MemoryError()"])
def test_a_shortage_is_no_fault_of_the_package(folder: Path, error: str) -> None:
    name = f"short_{error[:3]}"
    (folder / f"{name}.py").write_text(f"raise {error}\n", encoding="utf-8")
    with pytest.raises((OSError, MemoryError)):
        why_unusable(name, "web")
