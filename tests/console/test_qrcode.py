"""The QR code of an address, drawn with half blocks."""

import segno

from threadchat.console.qrcode import BLOCKS, qr_code
from threadchat.text.qrcode import QUIET

URL = "http://192.168.1.7:8080/"


def modules_in(drawn: str) -> list[list[int]]:
    """Return the modules that the lines of a drawing show."""
    rows: list[list[int]] = []
    for line in drawn.splitlines()[:-1]:
        rows.append([int(it in "\u2580\u2588") for it in line])
        rows.append([int(it in "\u2584\u2588") for it in line])
    return rows


def test_it_has_the_modules_of_the_address_in_capitals() -> None:
    code = qr_code(URL, 80)
    assert code is not None
    drawn = modules_in(code.plain)
    expected = segno.make("HTTP://192.168.1.7:8080", error="l", boost_error=False, micro=False)
    wanted = [[int(it) for it in row] for row in expected.matrix_iter(border=QUIET)]
    assert drawn[: len(wanted)] == wanted
    assert not any(map(any, drawn[len(wanted) :]))


def test_the_address_stands_below_and_all_else_is_white_and_black() -> None:
    code = qr_code(URL, 80)
    assert code is not None
    assert code.plain.splitlines()[-1] == URL
    assert set(code.plain.rpartition("\n")[0]) <= {*BLOCKS, "\n"}
    assert {str(span.style) for span in code.spans} == {"rgb(0,0,0) on rgb(255,255,255)"}


def test_there_is_none_where_it_does_not_fit() -> None:
    code = qr_code(URL, 80)
    assert code is not None
    width = len(code.plain.splitlines()[0])
    assert qr_code(URL, width) is not None
    assert qr_code(URL, width - 1) is None
    assert qr_code(URL, 0) is None
