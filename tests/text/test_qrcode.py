"""The modules of a QR code."""

import sys

import pytest
import segno

from threadchat.text.qrcode import QUIET, qr_modules

URL = "http://192.168.1.7:8080/"


def test_it_is_the_smallest_code_of_the_address() -> None:
    rows = qr_modules(URL)
    assert rows is not None
    expected = segno.make("HTTP://192.168.1.7:8080", error="l", boost_error=False, micro=False)
    assert expected.version == 1
    assert rows == [[bool(it) for it in row] for row in expected.matrix_iter(border=QUIET)]
    assert not any(rows[QUIET - 1])


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert qr_modules(URL) is None
