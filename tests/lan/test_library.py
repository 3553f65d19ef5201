"""Whether the library may be imported."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from threadchat.lan.library import ends_free_threading


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *files: str) -> None:
    """Let there be a zeroconf in `folder` that has these files."""
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    spec = ModuleSpec("zeroconf", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


@pytest.mark.parametrize(
    ("files", "ends"),
    [
        (["__init__.py", "_cache.py"], False),
        (["__init__.py", "_cache.py", "_cache.cpython-313t-x86_64-linux-gnu.so"], True),
        (["_services/info.cp313t-win_amd64.pyd", "_services/_info.cp313t-win_amd64.pyd"], True),
    ],
)
def test_compiled_parts_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], ends: bool
) -> None:
    install(tmp_path, monkeypatch, *files)
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert ends_free_threading() is ends
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    assert not ends_free_threading()


def test_one_that_is_not_installed_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not ends_free_threading()
