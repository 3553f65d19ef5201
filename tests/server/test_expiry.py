"""Test looking after the certificate of a server."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.net.test_certificate import END
from tests.net.test_tls import DATA, Files
from threadchat.net.certificate import Certificate
from threadchat.server.expiry import Expiry


class Now:
    """A clock that tells the date and stands still until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, files: Files) -> Path:
    return Path(shutil.copy(files.certificate, tmp_path / "certificate.pem"))


def test_it_warns_at_the_start_and_once_a_day(files: Files, file: Path, told: list[str]) -> None:
    now = Now(END - timedelta(days=3))
    expiry = Expiry(Certificate(str(file), files.key), told.append, now)
    for _ in range(3):
        expiry.look()
    assert len(told) == 1
    now.now += timedelta(hours=23, minutes=59)
    expiry.look()
    assert len(told) == 1
    now.now += timedelta(minutes=1)
    expiry.look()
    assert ["ends in 3 days" in told[0], "ends in 2 days" in told[1]] == [True, True]


def test_it_says_nothing_of_one_that_lasts(files: Files, file: Path, told: list[str]) -> None:
    now = Now(END - timedelta(days=16))
    expiry = Expiry(Certificate(str(file), files.key), told.append, now)
    expiry.look()
    assert told == []
    now.now += timedelta(days=2)
    expiry.look()
    assert len(told) == 1


def test_a_clock_that_is_set_back_puts_no_warning_off(
    files: Files, file: Path, told: list[str]
) -> None:
    now = Now(END + timedelta(days=300))
    expiry = Expiry(Certificate(str(file), files.key), told.append, now)
    expiry.look()
    now.now = END - timedelta(days=1)
    expiry.look()
    assert len(told) == 2


def test_of_a_new_one_it_warns_at_once(files: Files, file: Path, told: list[str]) -> None:
    now = Now(datetime.fromisoformat("2051-07-17T00:00Z"))
    expiry = Expiry(Certificate(str(file), files.key), told.append, now)
    expiry.look()
    assert told == []
    shutil.copy(DATA / "chain.pem", file)
    expiry.reread()
    expiry.look()
    assert ["ends in less than a day" in line for line in told] == [True]


def test_a_bad_one_is_refused_and_the_old_one_stays(
    files: Files, file: Path, told: list[str]
) -> None:
    certificate = Certificate(str(file), files.key)
    before = certificate.context
    expiry = Expiry(certificate, told.append)
    file.unlink()
    expiry.reread()
    assert certificate.context is before
    assert told == [
        f"the certificate {file} cannot be read: there is no such file. Make it, or name another."
        " New clients get the certificate that was read before."
    ]
