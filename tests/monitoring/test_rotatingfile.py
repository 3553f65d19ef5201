"""A file that is put aside when it has grown."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import link_or_skip
from threadchat.monitoring import rotatingfile
from threadchat.monitoring.rotatingfile import RotatingFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def file(path: Path) -> Iterator[RotatingFile]:
    with closing(RotatingFile(path, max_bytes=10, kept=3)) as file:
        yield file


def lines_of(path: Path) -> dict[str, list[str]]:
    """Return what is in each file of the folder of `path`."""
    return {each.name: each.read_text().split() for each in sorted(path.parent.iterdir())}


def test_what_is_appended_is_there_at_once(path: Path, file: RotatingFile) -> None:
    file.append(b"one\n")
    file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_it_goes_on_behind_what_is_there(path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        with closing(RotatingFile(path)) as file:
            file.append(line)
    assert path.read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize("found", [b"one\ntw", b"one\nt", b"t"])
def test_it_goes_on_behind_half_a_line_on_a_line_of_its_own(path: Path, found: bytes) -> None:
    path.write_bytes(found)
    with closing(RotatingFile(path)) as file:
        file.append(b"three\n")
    assert path.read_bytes() == found + b"\nthree\n"


def test_it_is_opened_once_and_not_for_each_line(
    path: Path, file: RotatingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(path: Path) -> FileIO:
        raise AssertionError(path)

    monkeypatch.setattr(rotatingfile, "_open", never)
    for line in (b"1\n", b"2\n"):
        file.append(line)
    assert path.read_bytes() == b"1\n2\n"


def test_a_file_that_cannot_be_read_to_its_end_is_left_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FileIO] = []

    class Endless(FileIO):
        def seek(self, *_: int) -> int:
            opened.append(self)
            raise OSError(errno.ESPIPE, "no end")

    monkeypatch.setattr(rotatingfile, "FileIO", Endless)
    with pytest.raises(OSError, match="no end"):
        RotatingFile(path)
    assert [file.closed for file in opened] == [True]


def test_a_file_that_would_grow_too_large_is_put_aside(path: Path, file: RotatingFile) -> None:
    for number in range(1, 6):
        file.append(b"%d---\n" % number)
    assert lines_of(path) == {
        "log": ["5---"], "log.1": ["3---", "4---"], "log.2": ["1---", "2---"]
    }  # fmt: skip


def test_the_oldest_is_lost(path: Path, file: RotatingFile) -> None:
    for number in range(1, 7):
        file.append(b"%d--------\n" % number)
    assert lines_of(path) == {
        "log": ["6--------"],
        "log.1": ["5--------"],
        "log.2": ["4--------"],
        "log.3": ["3--------"],
    }


def test_a_line_longer_than_a_file_may_be_has_one_to_itself(path: Path, file: RotatingFile) -> None:
    for line in (b"long" * 10 + b"\n", b"a\n", b"long" * 10 + b"\n"):
        file.append(line)
    assert lines_of(path) == {"log": ["long" * 10], "log.1": ["a"], "log.2": ["long" * 10]}


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file keeps its name")
class TestWhenAnotherProgramTakesItAway:
    def test_a_file_that_was_moved_is_left_and_a_new_one_begun(
        self, path: Path, file: RotatingFile
    ) -> None:
        file.append(b"1\n")
        path.rename(path.with_name("log-yesterday"))
        file.append(b"2\n")
        assert lines_of(path) == {"log": ["2"], "log-yesterday": ["1"]}
        assert file.is_another

    def test_a_file_that_was_put_in_its_place_is_gone_on_with(
        self, path: Path, file: RotatingFile
    ) -> None:
        file.append(b"1\n")
        path.rename(path.with_name("log-yesterday"))
        path.write_text("new\n")
        file.append(b"2\n")
        assert lines_of(path) == {"log": ["new", "2"], "log-yesterday": ["1"]}
        assert file.is_another

    def test_a_file_that_was_removed_is_made_again(self, path: Path, file: RotatingFile) -> None:
        file.append(b"1\n")
        path.unlink()
        file.append(b"2\n")
        assert lines_of(path) == {"log": ["2"]}
        assert file.is_another

    def test_a_link_that_was_set_to_another_file_is_followed(self, path: Path) -> None:
        link_or_skip(path, path.with_name("monday"))
        with closing(RotatingFile(path)) as file:
            file.append(b"1\n")
            path.unlink()
            link_or_skip(path, path.with_name("tuesday"))
            file.append(b"2\n")
        assert path.with_name("monday").read_text() == "1\n"
        assert path.with_name("tuesday").read_text() == "2\n"

    def test_one_that_came_while_ours_could_not_be_opened_is_gone_on_with(
        self, path: Path, file: RotatingFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cannot_open(path: Path) -> FileIO:
            raise OSError(errno.EMFILE, "too many files")

        file.append(b"1-------\n")
        with monkeypatch.context() as patch:
            patch.setattr(rotatingfile, "_open", cannot_open)
            with pytest.raises(OSError, match="too many files"):
                file.append(b"2-------\n")
        path.write_bytes(b"new\n")
        file.append(b"3\n")
        assert lines_of(path) == {"log": ["new", "3"], "log.1": ["1-------"]}
        assert not file.is_another

    def test_a_folder_that_was_removed_is_waited_for(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        with closing(RotatingFile(folder / "log")) as file:
            file.append(b"1\n")
            (folder / "log").unlink()
            folder.rmdir()
            for _ in range(2):
                with pytest.raises(FileNotFoundError):
                    file.append(b"2\n")
            folder.mkdir()
            file.append(b"3\n")
            assert (folder / "log").read_text() == "3\n"
            assert file.is_another

    def test_what_is_put_aside_by_ourselves_is_no_such_case(
        self, path: Path, file: RotatingFile
    ) -> None:
        for number in range(1, 6):
            file.append(b"%d---\n" % number)
        path.write_bytes(b"")  # as logrotate does with copytruncate
        file.append(b"6\n")
        assert path.read_bytes() == b"6\n"
        file.close()
        file.append(b"7\n")
        assert not file.is_another


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_may_read_it(path: Path, file: RotatingFile) -> None:
    for _ in range(2):
        file.append(b"123456789\n")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {"log": 0o600, "log.1": 0o600}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="not an ordinary file"):
        RotatingFile(path)


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there are no such links here")
def test_a_link_to_a_pipe_without_a_name_is_refused() -> None:
    ours, its = os.pipe()
    try:
        with pytest.raises(OSError, match="not an ordinary file"):
            RotatingFile(f"/dev/fd/{its}")
    finally:
        os.close(ours)
        os.close(its)


def test_behind_a_link_it_is_the_file_that_is_put_aside(path: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link_or_skip(path, tmp_path / "there" / "log")
    with closing(RotatingFile(path, max_bytes=10)) as file:
        file.append(b"123456789\n")
        file.append(b"2\n")
    assert path.is_symlink()
    assert lines_of(tmp_path / "there" / "log") == {"log": ["2"], "log.1": ["123456789"]}


class SmallDisk(FileIO):
    """A file on a disk that has room for so many bytes."""

    room = 0

    def write(self, data: Any) -> int:
        if len(data) and not SmallDisk.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(bytes(data)[: SmallDisk.room])
        SmallDisk.room -= written
        return written


def test_on_a_full_disk_a_line_is_there_whole_or_not_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotatingfile, "FileIO", SmallDisk)
    monkeypatch.setattr(SmallDisk, "room", 6)
    with closing(RotatingFile(path)) as file:
        file.append(b"one\n")
        with pytest.raises(OSError, match="No space"):
            file.append(b"two\n")
        assert path.read_bytes() == b"one\n"
        SmallDisk.room = 4
        file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_on_a_disk_that_fails_the_next_line_has_a_row_of_its_own_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FailingDisk(SmallDisk):
        def truncate(self, size: int | None = None) -> int:
            raise OSError(errno.EIO, "no truncation")

        def close(self) -> None:
            is_open = not self.closed
            super().close()
            if is_open and not SmallDisk.room:
                raise OSError(errno.EIO, "no close")

    monkeypatch.setattr(rotatingfile, "FileIO", FailingDisk)
    monkeypatch.setattr(SmallDisk, "room", 6)
    with closing(RotatingFile(path)) as file:
        file.append(b"one\n")
        with pytest.raises(OSError, match="No space"):
            file.append(b"two\n")
        SmallDisk.room = 100
        file.append(b"two\n")
    assert path.read_bytes() == b"one\ntw\ntwo\n"


class TestWhenItCannotBePutAside:
    @pytest.fixture
    def held(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Names of files that somebody holds open, as on Windows."""
        held: set[str] = set()
        replace = Path.replace

        def replace_unless_held(source: Path, target: Path) -> Path:
            if {source.name, target.name} & held:
                raise PermissionError(errno.EACCES, "used by another process")
            return replace(source, target)

        monkeypatch.setattr(Path, "replace", replace_unless_held)
        return held

    def test_it_grows_and_says_why(self, path: Path, file: RotatingFile, held: set[str]) -> None:
        held.add("log")
        for number in range(1, 4):
            file.append(b"%d--------\n" % number)
        assert lines_of(path) == {"log": ["1--------", "2--------", "3--------"]}
        assert file.why_not_rotated is not None
        assert file.why_not_rotated.strerror == "used by another process"

    def test_it_is_put_aside_as_soon_as_it_can_be(
        self, path: Path, file: RotatingFile, held: set[str]
    ) -> None:
        held.add("log")
        file.append(b"1--------\n")
        file.append(b"2--------\n")
        held.clear()
        file.append(b"3--------\n")
        assert lines_of(path) == {"log": ["3--------"], "log.1": ["1--------", "2--------"]}
        assert file.why_not_rotated is None

    @pytest.mark.parametrize(("name", "oldest"), [("log", 2), ("log.1", 2), ("log.2", 1)])
    def test_trying_again_and_again_loses_no_more_than_one_try(
        self, path: Path, file: RotatingFile, held: set[str], name: str, oldest: int
    ) -> None:
        for number in range(1, 5):
            file.append(b"%d--------\n" % number)
        held.add(name)
        for number in range(5, 10):
            file.append(b"%d--------\n" % number)
        kept = [line for lines in lines_of(path).values() for line in lines]
        assert sorted(kept) == [f"{number}--------" for number in range(oldest, 10)]
