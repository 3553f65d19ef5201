"""Test reading small files, and the words for those that cannot be read or written."""

import errno
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import link_or_skip
from threadchat.testing import DEADLINE
from threadchat.text import files
from threadchat.text.files import (
    MAX_BYTES,
    as_text,
    read_file,
    shortage_of_descriptors,
    why_unreadable,
    why_unwritable,
)

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


class TestReading:
    def test_all_of_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        content = bytes(range(256)) * (MAX_BYTES // 256)
        path.write_bytes(content)
        assert read_file(path) == content

    def test_one_that_is_too_large_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(bytes(MAX_BYTES + 1))
        with pytest.raises(OSError, match="larger than 1000 kB"):
            read_file(path)

    @pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there are no devices here")
    def test_one_without_an_end_is_not(self) -> None:
        with pytest.raises(OSError, match="larger than 1000 kB"):
            read_file("/dev/zero")

    @needs_pipes
    def test_a_pipe_is_read_to_its_end(self, tmp_path: Path) -> None:
        ours, its = os.pipe()
        may_end = threading.Event()

        def write() -> None:
            os.write(its, b"open ")
            assert may_end.wait(DEADLINE)
            os.write(its, b"sesame\n")
            os.close(its)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            may_end.set()
            assert read_file(f"/dev/fd/{ours}") == b"open sesame\n"
        finally:
            writer.join()
            os.close(ours)

    @needs_pipes
    def test_a_pipe_that_nobody_writes_to_is_not_waited_for(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert read_file(path) == b""

    @needs_pipes
    def test_a_pipe_that_does_not_end_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "MAX_POLLS", 1)
        ours, its = os.pipe()
        try:
            with pytest.raises(OSError, match="a pipe with no end"):
                read_file(f"/dev/fd/{ours}")
        finally:
            os.close(ours)
            os.close(its)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_may_begin_with_a_byte_order_mark(encoding: str) -> None:
    assert as_text("größer\r\nals\n".encode(encoding)).read() == "größer\nals\n"


def not_opened(path: str | Path, flags: int) -> OSError:
    """Return the error for opening a file."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - which one is for the words to say
        os.close(os.open(path, flags))
    return caught.value


def unreadable(path: str | Path) -> str:
    with pytest.raises(OSError) as caught:  # noqa: PT011
        read_file(path)
    return why_unreadable(path, caught.value)


def unwritable(path: str | Path) -> str:
    return why_unwritable(path, not_opened(path, os.O_RDWR | os.O_CREAT))


class TestWords:
    def test_no_file(self, tmp_path: Path) -> None:
        assert unreadable(tmp_path / "x") == "there is no such file. Make it, or name another."

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    def test_a_folder(self, words: Callable[[Path], str], tmp_path: Path) -> None:
        assert words(tmp_path) == "it is a folder. Name a file in it."

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    def test_no_folder(self, words: Callable[[Path], str], tmp_path: Path) -> None:
        missing = tmp_path / "a"
        line = f"there is no folder {missing}. Make it, or name another file."
        assert words(missing / "b" / "file") == line

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    def test_a_file_for_a_folder(self, words: Callable[[Path], str], tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.touch()
        line = f"{file} is a file, not a folder. Name a file in a folder."
        assert words(file / "x") == line

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has another error for that")
    def test_a_name_too_long(self, words: Callable[[Path], str], tmp_path: Path) -> None:
        assert words(tmp_path / ("x" * 300)) == "the name is too long. Choose a shorter one."

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    def test_links_in_a_circle(self, words: Callable[[Path], str], tmp_path: Path) -> None:
        link_or_skip(tmp_path / "a", tmp_path / "b")
        link_or_skip(tmp_path / "b", tmp_path / "a")
        assert words(tmp_path / "a") == "its links lead in a circle. Name the file itself."

    def test_a_link_to_nothing(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        link_or_skip(link, real)
        line = f"it is a link to {real}, which is not there. Make that, or name another."
        assert unreadable(link) == line

    @pytest.mark.parametrize("words", [unreadable, unwritable])
    @pytest.mark.skipif(sys.platform == "win32", reason="there a folder in use stays")
    def test_the_folder_we_are_in_is_gone(
        self, words: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        monkeypatch.chdir(folder)
        folder.rmdir()
        assert words("x") == (
            "the folder that threadchat was started in has been removed."
            " Change to another one, or write the whole path."
        )

    @pytest.mark.parametrize(
        ("number", "line"),
        [
            (errno.ENOSPC, "the disk is full. Make room there."),
            (errno.EROFS, "its disk can only be read. Name a file on another disk."),
            (errno.EMFILE, "no more files can be opened. Raise that limit (ulimit -n)."),
            (errno.EIO, f"{os.strerror(errno.EIO)}. Name another file."),
        ],
    )
    def test_a_disk_that_fails(self, tmp_path: Path, number: int, line: str) -> None:
        error = OSError(number, os.strerror(number))
        assert why_unwritable(tmp_path / "x", error) == line

    @pytest.mark.parametrize(
        ("limit", "line"),
        [
            (4096, "no file may have more than 4,096 bytes. Raise that limit (ulimit -f)."),
            (None, f"{os.strerror(errno.EFBIG)}. Name another file."),
        ],
    )
    def test_a_file_that_may_not_grow(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, line: str
    ) -> None:
        monkeypatch.setattr(files, "limit_of_size", lambda: limit)
        error = OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        assert why_unwritable(tmp_path / "x", error) == line

    def test_whatever_else_keeps_a_file_from_being_read(self, tmp_path: Path) -> None:
        error = OSError(errno.EIO, "Input/output error")
        assert why_unreadable(tmp_path / "x", error) == "Input/output error. Name another file."


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may look into, unlike that of `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


@contextmanager
def few_rights() -> Iterator[None]:
    """Be a user with few rights for a while: root may read and write everything."""
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows has no such modes")
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


class TestRights:
    """What the system says is `EACCES` alone, whatever is at fault."""

    def test_to_the_file(self, folder: Path) -> None:
        file = folder / "file"
        file.touch()
        file.chmod(0o000)
        with few_rights():
            assert unreadable(file) == (
                "you have no right to read it. Get that right, or name another file."
            )
            assert unwritable(file) == (
                "you have no right to read and write it. Get that right, or name another file."
            )

    @pytest.mark.parametrize("name", ["closed/file", "closed/folder/file"])
    def test_to_a_folder_on_the_way(self, folder: Path, name: str) -> None:
        closed = folder / "closed"
        (closed / "folder").mkdir(parents=True)
        (folder / name).touch()
        closed.chmod(0o000)
        line = (
            f"you have no right to go into the folder {closed}."
            " Get that right, or name a file elsewhere."
        )
        with few_rights():
            words = unreadable(folder / name), unwritable(folder / name)
        closed.chmod(0o700)
        assert words == (line, line)

    def test_to_make_a_file(self, folder: Path) -> None:
        folder.chmod(0o555)
        with few_rights():
            words = unwritable(folder / "file")
        folder.chmod(0o755)
        assert words == (
            f"you have no right to make files in the folder {folder}."
            " Get that right, or name a file elsewhere."
        )


@pytest.mark.parametrize(("number", "is_told"), [(errno.EMFILE, True), (errno.EACCES, False)])
def test_a_shortage_of_descriptors_is_told_from_other_errors(
    number: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open
    opened: list[int] = []

    def open_some(*arguments: Any) -> int:
        if len(opened) == 2:
            raise OSError(number, os.strerror(number))
        opened.append(really_open(*arguments))
        return opened[-1]

    assert shortage_of_descriptors() is None
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_some)
        assert shortage_of_descriptors(2) is None
        opened.clear()
        found = shortage_of_descriptors(3)
    assert (found is not None and found.errno == number) is is_told
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
