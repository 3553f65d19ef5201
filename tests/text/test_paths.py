"""Test what a file is called in the end."""

import os
from pathlib import Path

import pytest

from tests.support.files import link_or_skip
from threadchat.text.paths import NoCurrentFolder, resolve


def test_a_link_is_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    link_or_skip(tmp_path / "link", tmp_path / "file")
    assert resolve(tmp_path / "link") == resolve(tmp_path / "file")


def test_a_file_need_not_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("chat.db") == resolve(tmp_path) / "chat.db"


def test_what_cannot_be_resolved_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str | Path) -> str:
        raise OSError(22, "More data available")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "realpath", fail)
    assert resolve("chat.db") == Path(os.getcwd()) / "chat.db"


@pytest.mark.skipif(os.name != "posix", reason="the current folder cannot be removed")
def test_in_a_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NoCurrentFolder, match=r"chat.db is nowhere: .* has been removed\. Go to"):
        resolve("chat.db")
    assert resolve(tmp_path / "chat.db").name == "chat.db"
