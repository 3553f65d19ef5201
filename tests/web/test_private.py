"""What a person at a page alone was sent: numbered, kept, and sent again."""

import json

from threadchat.web.private import MAX_KEPT, MAX_KEPT_BYTES, PrivateLines


def numbers(data: bytes) -> list[int]:
    return [json.loads(line)["p"] for line in data.splitlines()]


def line(text: str) -> bytes:
    return json.dumps({"kind": "info", "text": text}).encode() + b"\n"


def test_each_line_has_the_next_number() -> None:
    sent: list[bytes] = []
    lines = PrivateLines(sent.append)
    lines.send(line("a") + line("b"))
    lines.send(line("c"))
    assert [numbers(data) for data in sent] == [[1, 2], [3]]
    assert json.loads(sent[1]) == {"p": 3, "kind": "info", "text": "c"}


def test_what_was_not_seen_is_sent_again() -> None:
    sent: list[bytes] = []
    lines = PrivateLines(sent.append)
    lines.send(line("a") + line("b") + line("c"))
    sent.clear()
    lines.send_again(1)
    assert numbers(b"".join(sent)) == [2, 3]
    sent.clear()
    lines.send_again(3)
    assert sent == []


def test_not_more_than_a_bound_is_kept() -> None:
    sent: list[bytes] = []
    lines = PrivateLines(sent.append)
    for number in range(MAX_KEPT + 5):
        lines.send(line(str(number)))
    sent.clear()
    lines.send_again(0)
    assert numbers(b"".join(sent)) == list(range(6, MAX_KEPT + 6))


def test_nor_more_bytes_but_the_newest_always_is() -> None:
    sent: list[bytes] = []
    lines = PrivateLines(sent.append)
    lines.send(line("small"))
    lines.send(line("x" * MAX_KEPT_BYTES))
    sent.clear()
    lines.send_again(0)
    assert numbers(b"".join(sent)) == [2]
