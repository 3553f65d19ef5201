"""Test what is kept of passphrases, and how they are read from a file."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.passphrases import COST
from tests.support.waiting import run_concurrently
from threadchat.access import passphrase
from threadchat.access.passphrase import (
    MAX_AT_ONCE,
    MAX_PASSPHRASE,
    MIN_PASSPHRASE,
    BadPassphrase,
    Busy,
    is_right,
    make,
    read_passphrase,
)
from threadchat.testing import DEADLINE
from threadchat.text import files

HORSE = "correct horse"


@pytest.fixture(scope="module", autouse=True)
def in_earnest() -> Iterator[None]:
    """Compute as a server does, and not cheaply as other tests do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrase, "_COST", COST)
        yield


@pytest.fixture(scope="module")
def kept(in_earnest: None) -> bytes:
    return make(HORSE)


_MANY_THREADS = """
import re, threading
from pathlib import Path
from types import SimpleNamespace
from threadchat.access.passphrase import make

def resident_kilobytes():
    return int(re.search(r"VmRSS:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

def work():
    make("correct horse")
    done.release()
    over.wait()

done, over = threading.Semaphore(0), threading.Event()
before = resident_kilobytes()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
    done.acquire()
print(resident_kilobytes() - before)
over.set()
"""


class TestKeeping:
    @pytest.mark.skipif(sys.platform != "linux", reason="memory is measured with /proc")
    def test_no_thread_keeps_the_memory_it_was_worked_out_in(self) -> None:
        program = [sys.executable, "-c", _MANY_THREADS]
        grown_by = int(subprocess.run(program, check=True, capture_output=True).stdout)
        assert grown_by < 2 * 16 * 1024  # KiB: two times what one takes

    def test_the_same_one_is_right_and_no_other(self, kept: bytes) -> None:
        assert is_right(HORSE, kept)
        for other in ("Correct horse", "correct horse ", "correct horsf", "correct", "", "\0" * 9):
            assert not is_right(other, kept)

    def test_it_is_salted_and_says_how_it_was_made(self, kept: bytes) -> None:
        assert kept.startswith(b"$scrypt$ln=14,r=8,p=1$")
        assert kept.isascii()
        assert HORSE.encode() not in kept
        assert make(HORSE) != kept

    def test_it_is_scrypt(self) -> None:
        """With the third test vector of RFC 7914, section 12."""
        hashed = bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
        parts = [base64.b64encode(part).rstrip(b"=") for part in (b"SodiumChloride", hashed)]
        assert is_right("pleaseletmein", b"$".join((b"$scrypt$ln=14,r=8,p=1", *parts)))

    def test_what_was_made_at_another_cost_is_still_known(self) -> None:
        hashed = hashlib.scrypt(HORSE.encode(), salt=b"salt", n=16, r=4, p=2, dklen=32)
        parts = [base64.b64encode(part).rstrip(b"=") for part in (b"salt", hashed)]
        assert is_right(HORSE, b"$".join((b"$scrypt$ln=4,r=4,p=2", *parts)))

    @pytest.mark.parametrize(
        "garble",
        [
            lambda kept: b"",
            lambda kept: HORSE.encode(),
            lambda kept: kept[:-1],
            lambda kept: kept[:-2],
            lambda kept: kept + b"A",
            lambda kept: kept + b"\n",
            lambda kept: kept.rpartition(b"$")[0] + b"$",
            lambda kept: kept.rpartition(b"$")[0] + b"$A",
            lambda kept: kept.replace(b"scrypt", b"bcrypt"),
            lambda kept: kept.replace(b"ln=14", b"ln=0"),
            lambda kept: kept.replace(b"ln=14", b"ln=29"),
            lambda kept: kept.replace(b"ln=14", b"ln=99"),
            lambda kept: kept.replace(b"r=8", b"r=0"),
            lambda kept: kept.replace(b"r=8", b"r=99"),
            lambda kept: kept.replace(b"p=1", b"p=0"),
            lambda kept: kept.replace(b"p=1", b"p=x"),
        ],
    )
    def test_what_is_garbled_is_kept_of_none(
        self, kept: bytes, garble: Callable[[bytes], bytes]
    ) -> None:
        assert not is_right(HORSE, garble(kept))


class TestWhatIsTaken:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("caf\u00e9 creme", "cafe\u0301 creme"),  # NFC and NFD
            ("a b c d e f", "a\u00a0b\u2003c\u3000d e f"),  # any space
            ("\uac00\uac01\uac02\uac03\uac04\uac05\uac06\uac07",) * 2,
            ("x" * MIN_PASSPHRASE,) * 2,
            ("\u00e9" * MAX_PASSPHRASE, "e\u0301" * MAX_PASSPHRASE),
            ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",) * 2,  # has a joiner
        ],
    )
    def test_these_are_the_same(self, one: str, other: str) -> None:
        assert is_right(other, make(one))

    def test_case_and_width_count(self) -> None:
        assert not is_right("PASSWORD", make("password"))
        assert not is_right("password", make("\uff50assword"))

    @pytest.mark.parametrize(
        ("bad", "words"),
        [
            ("", "too short: at least 8"),
            ("x" * (MIN_PASSPHRASE - 1), "too short: at least 8"),
            ("e\u0301" * (MIN_PASSPHRASE - 1), "too short"),
            ("x" * (MAX_PASSPHRASE + 1), "too long: at most 128"),
            ("correct\thorse", "letters, digits, marks and spaces"),
            ("correct\x1b[31m", "letters, digits, marks and spaces"),
            ("correct\u2028horse", "letters, digits, marks and spaces"),
            ("correct\u200bhorse", "letters, digits, marks and spaces"),
            ("correct\ud800horse", "letters, digits, marks and spaces"),
            ("correct\ue000horse", "letters, digits, marks and spaces"),
        ],
    )
    def test_these_are_refused_in_one_line(self, bad: str, words: str) -> None:
        with pytest.raises(BadPassphrase, match=words) as caught:
            make(bad)
        assert "\n" not in str(caught.value)


class TestCrowd:
    """However many people come at once, the memory for two computations is enough."""

    def test_no_more_than_two_are_computed_at_once(
        self, kept: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = hashlib.scrypt
        pair = threading.Barrier(MAX_AT_ONCE)
        lock = threading.Lock()
        running: list[int] = [0]
        seen: set[int] = set()

        def scrypt(*arguments: bytes, **options: int) -> bytes:
            with lock:
                running[0] += 1
                seen.add(running[0])
            pair.wait(DEADLINE)  # two do run at once
            result = real(*arguments, **options)  # type: ignore[arg-type]
            with lock:
                running[0] -= 1
            return result

        def ask() -> None:
            assert is_right(HORSE, kept)

        monkeypatch.setattr(hashlib, "scrypt", scrypt)
        monkeypatch.setattr(passphrase, "PATIENCE_SECONDS", DEADLINE)
        run_concurrently([ask] * (4 * MAX_AT_ONCE))
        assert max(seen) == MAX_AT_ONCE

    def test_nobody_waits_for_long(self, kept: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        all_busy = threading.Barrier(MAX_AT_ONCE + 1)
        done = threading.Event()

        def scrypt(*_: object, **__: object) -> bytes:
            all_busy.wait(DEADLINE)
            assert done.wait(DEADLINE)
            return b""

        def ask() -> None:
            assert not is_right(HORSE, kept)

        def come_too_late() -> None:
            all_busy.wait(DEADLINE)
            monkeypatch.setattr(passphrase, "PATIENCE_SECONDS", 0.0)
            try:
                with pytest.raises(Busy, match="Try again in a moment"):
                    is_right(HORSE, kept)
                with pytest.raises(Busy):
                    make(HORSE)
            finally:
                done.set()

        monkeypatch.setattr(hashlib, "scrypt", scrypt)
        run_concurrently([*[ask] * MAX_AT_ONCE, come_too_late])
        monkeypatch.undo()
        assert is_right(HORSE, kept)

    def test_a_turn_is_given_back_whatever_happens(
        self, kept: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expensive = kept.replace(b"ln=14", b"ln=29")
        monkeypatch.setattr(passphrase, "PATIENCE_SECONDS", 0.0)
        for _ in range(MAX_AT_ONCE + 1):
            assert not is_right(HORSE, expensive)
        assert is_right(HORSE, kept)


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "passphrase.txt"

    @pytest.mark.parametrize(
        ("data", "read"),
        [
            (b"correct horse\n", HORSE),
            (b"correct horse", HORSE),
            (b"correct horse\r\nnot this\r\n", HORSE),
            (b" correct horse \n", " correct horse "),
            (b"caf\xc3\xa9 creme\n", "caf\u00e9 creme"),
            (b"\xef\xbb\xbfcorrect horse\r\n", HORSE),
            ("correct horse\r\n".encode("utf-16"), HORSE),
            (b"\xfe\xff" + "correct horse".encode("utf-16-be"), HORSE),
            (b"x" * MAX_PASSPHRASE + b"\n", "x" * MAX_PASSPHRASE),
        ],
    )
    def test_the_first_line_is_read(self, path: Path, data: bytes, read: str) -> None:
        path.write_bytes(data)
        assert read_passphrase(path) == read
        assert read_passphrase(str(path)) == read

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "the first line of PATH is empty"),
            (b"\r\ncorrect horse\r\n", "the first line of PATH is empty"),
            (b"\xef\xbb\xbf", "the first line of PATH is empty"),
            (b"caf\xe9 creme\n", "PATH is not text in UTF-8"),
            (b"\xff\xfec\0o\0\0\xd8x\0", "PATH is not text in UTF-8"),
            (b"short\n", "the first line of PATH cannot be used. That passphrase is too short"),
            (b"x" * 100_000, "the first line of PATH cannot be used. That passphrase is too long"),
            (b"correct\0horse", "cannot be used. A passphrase is made of letters"),
        ],
    )
    def test_what_cannot_be_used_is_said_in_one_line(
        self, path: Path, data: bytes, words: str
    ) -> None:
        path.write_bytes(data)
        assert words.replace("PATH", str(path)) in self.refused(path)

    def test_a_file_that_is_not_there(self, path: Path) -> None:
        assert "cannot be read for a passphrase: there is no such file." in self.refused(path)

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "cannot be read" in self.refused(tmp_path)

    def refused(self, path: Path) -> str:
        with pytest.raises(BadPassphrase) as caught:
            read_passphrase(path)
        words = str(caught.value)
        assert str(path) in words
        assert "\n" not in words
        return words

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_of_another_program(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        os.mkfifo(path)
        writer = os.open(path, os.O_RDWR)  # this does not wait for a reader
        os.write(writer, f"{HORSE}\n".encode())
        # The other program ends while its pipe is read.
        pause = SimpleNamespace(sleep=lambda seconds: os.close(writer))
        monkeypatch.setattr(files, "time", pause)
        assert read_passphrase(path) == HORSE
