"""Attack the screens of others through every way in which text leaves a server (promise 4).

What may not be shown is spelt out here once more, from what is known of terminals, so that a
mistake in `threadchat.text` cannot hide itself. What arrives is judged by its bytes.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from encodings import aliases
from pathlib import Path

import pytest

from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import run_concurrently
from threadchat import ChatServer
from threadchat.access import passphrase
from threadchat.cli import export
from threadchat.console.operator import Operator
from threadchat.monitoring.eventlog import EventLog
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.terminal.view import View
from threadchat.testing import DEADLINE
from threadchat.text.encodings import usable_encoding

C0 = "".join(map(chr, (*range(0x0A), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)))
C1 = "".join(map(chr, range(0x80, 0xA0)))
REORDERING = "\u061c\u200e\u200f" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
UNSEEN = "\u00ad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb"
SEPARATORS = "\u2028\u2029"
TAGS = "".join(map(chr, range(0xE0000, 0xE0080)))
NO_CHARACTERS = "\ufdd0\ufdef\ufffe\uffff\U0001fffe\U0010ffff"
UNSAFE = frozenset(C0 + C1 + REORDERING + UNSEEN + SEPARATORS + TAGS + NO_CHARACTERS) - {"\t"}

_CODES = ("[31m", "[2J", "[6n", "[1;1H", "[?25l", "]0;evil\a", "]52;c;ZXZpbA==\x1b\\", "P$q\x1b\\",
          "^evil\x1b\\", "_evil\x1b\\", "Xevil\x1b\\", "c", "(0", "#8", "Z", "O", "[", "]0;evil",
          "P", "")  # fmt: skip
SEQUENCES = [f"\x1b{code}" for code in _CODES] + [
    f"{chr(ord(code[0]) + 0x40)}{code[1:]}" for code in _CODES if code and code[0] in "[]P^_XZO"
]
"""CSI, OSC, DCS, PM, APC, SOS and others, in both forms, some without an end."""

FORGED = [
    f"hi{separator}evil: hi" for separator in ("\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\b\b")
]
COMMANDS_OF_TELNET = [
    "\xff\xfb\x01",
    "\xff\xfdA",
    "\xff\xfaA",
    "\xff\xf6",
    "\xff\xff\xfcA",
    "\xa0\xb2A",
]


def groups(characters: str, size: int = 16) -> list[str]:
    """Return `characters` a few at a time, with a letter before and behind each."""
    return [
        "a" + "".join(f"{one}a" for one in characters[at : at + size])
        for at in range(0, len(characters), size)
    ]


TEXTS = [
    *groups(C0 + C1 + REORDERING + UNSEEN + SEPARATORS + NO_CHARACTERS),
    *groups(TAGS, 64),
    *(f"a{sequence}a" for sequence in SEQUENCES),
    *FORGED,
    *COMMANDS_OF_TELNET,
]

BYTES = [
    *(b"a" + b"".join(bytes([one, 97]) for one in range(at, at + 16) if one not in b"\r\n\xff")
      for at in range(0, 256, 16)),
    *(sequence.encode("latin-1") for sequence in SEQUENCES),
    # A telnet parser takes FF FF for the one byte FF.
    b"\xff\xff\xfb\x01", b"\xff\xff\xfdA", b"\xff\xff\xfaA", b"\xff\xff\xff\xff\xfcA",
]  # fmt: skip
"""What clients send that are in some encoding of single bytes."""


@dataclass(frozen=True)
class Kind:
    """How a client makes itself known, and what its bytes mean to it."""

    name: str
    says_first: bytes
    encoding: str
    speaks_telnet: bool = False
    is_guessed: bool = False
    is_drawn: bool = False
    """Whether the server draws its line, for which it needs a few sequences of its own."""


KINDS = [
    Kind("utf", b"", "utf-8"),
    # The server does not know how the client's terminal reads these bytes.
    Kind("guessed", b"\xe9\n", "cp1252", is_guessed=True),
    Kind("latin", b"/charset latin-1\n", "latin-1"),
    Kind("windows", b"/charset cp1252\n", "cp1252"),
    Kind("dos", b"/charset cp437\n", "cp437"),
    Kind("dos2", b"/charset cp850\n", "cp850"),
    Kind("telnet", b"\xff\xf6/charset latin-1\n", "latin-1", speaks_telnet=True),
    Kind("drawn", b"\xff\xfd\x01", "utf-8", speaks_telnet=True, is_drawn=True),
    Kind("drawn2", b"/charset cp437\n\xff\xfd\x01", "cp437", speaks_telnet=True, is_drawn=True),
]

_DRAWING = re.compile(r"\x1b\[[0-9]*[ACDJK]|\x1b\[(?:[12]|3[1256])?m|\r(?!\n)")
_BEGINNING = re.compile(
    r"$|=== |!!! |--- |--> |<-- |Hello from threadchat! |Your name: |Welcome, "
    r"|lobby> |(?:\* )?(?!evil)\S{1,20}[: ]|\[\S{1,20} -> \S{1,20}\] "
)


def judge(received: bytes, kind: Kind) -> str:
    """Fail if anything in what a client received does more than stand there; return the text."""
    if kind.speaks_telnet:
        received = received.replace(b"\xff\xff", b"\0")
        assert b"\xff" not in received
        received = received.replace(b"\0", b"\xff")
    else:
        # A client that has not shown that it speaks telnet may still do so, and would obey these.
        assert not re.search(rb"\xff[\xfa-\xfe]", received)
    if kind.is_guessed:
        assert not set(received) & {*range(0x80, 0xA0)}
    text = received.decode(kind.encoding)
    if kind.is_drawn:
        text = _DRAWING.sub("", text)
    lines = text.split("\r\n")
    assert not UNSAFE & set("".join(lines))
    # A sequence goes as a whole.
    assert not [code for code in ("[31m", "[2J", "[6n", "[1;1H", "]52") if code in text]
    # Whatever a client takes for the end of a line.
    assert [line for line in text.splitlines() if not _BEGINNING.match(line)] == []
    return text


@dataclass
class Place:
    """A server, people on it with all kinds of clients, and the operator at its terminal."""

    server: ChatServer
    console: WatchingConsole
    operator: Operator
    people: list[tuple[Kind, Client]]

    def enter(self, name: str, kind: Kind, is_operator: bool = False) -> Client:
        client = Client(self.server, name)
        self.server.chat.names.find(name).is_operator = is_operator
        client.send(kind.says_first)
        client.sync()
        # What came before was UTF-8. Other clients of this test are judged by that.
        client.forget()
        return client

    def fence(self) -> None:
        """Have everybody read what there is to be read."""
        (_, speaker), *others = self.people
        speaker.type("That was all.")
        speaker.sync()
        for _, client in others:
            client.expect("That was all.\r\n")


@contextlib.contextmanager
def opened(history: Path, log: Path) -> Iterator[Place]:
    troubles: list[str] = []
    watcher = EventLog(log, troubles.append, messages=True)
    stored, records = StoredHistory(history, troubles.append), Records(history)
    with (
        run_server(watchers=[watcher], history=stored, records=records) as (server, console),
        contextlib.ExitStack() as stack,
    ):
        place = Place(server, console, Operator(server.chat, server.commands, console.answer), [])
        for kind in KINDS:
            place.people.append((kind, stack.enter_context(place.enter(kind.name, kind))))
        try:
            yield place
        finally:
            assert watcher.close(DEADLINE)
    assert troubles == []


def all_ways(payloads: Sequence[bytes]) -> bytes:
    """Return what to type to get each of `payloads` onto others' screens, in every way."""
    ways = [b"%s", b"//%s", b"/me %s", b"/topic %s", b"/away %s", b"/say %s", b"/motd %s",
            b"/who %s", b"/whois %s", b"/search %s", b"/%s", b"/help %s", b"/charset %s",
            b"/protect %s", b"/msg %s hi", b"/msg absent %s", b"/msg operator %s", b"/last %s",
            b"/ban %s", b"/ban nobody%n 1h %s", b"/unban %s", b"/mute %s", b"/mute utf %s",
            b"/unmute %s", b"/op %s", b"/deop %s", b"/kick %s", b"/color %s", b"/stop %s",
            b"/nick %b", b"%s", b"/nick mallory", b"/join %b", b"/topic %s", b"/join lobby",
            *(b"/msg %s " % kind.name.encode() + b"%s" for kind in KINDS)]  # fmt: skip
    lines = []
    for number, payload in enumerate(payloads):
        for way in ways:
            line = way.replace(b"%n", b"%d" % number).replace(b"%b", payload)
            lines.append(line.replace(b"%s", payload + b" needle%d" % (number // 8)))
    return b"\n".join(lines) + b"\n"


def look_around(place: Place, needles: int) -> None:
    """Have everybody ask for what the attack has left behind."""
    looks = ["/topic", "/who", "/rooms", "/whois mallory", "/motd", "/last 200"]
    looks += [f"/search needle{number}" for number in range(needles)]
    for _, client in place.people:
        client.type("\n".join(looks))
        client.sync()
    for line in ("who", "rooms", "bans", "motd", *looks[6:]):
        place.operator.obey(line)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.is_drawn], ids=lambda kind: kind.name
)
@pytest.mark.slow
def test_nothing_that_is_sent_moves_anybodys_cursor(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("threadchat.storage.waitingmail.MAX_FROM_ONE", 1000)
    monkeypatch.setattr("threadchat.storage.waitingmail.MAX_MAIL", 1000)
    payloads = [text.encode() for text in TEXTS] if kind.encoding == "utf-8" else BYTES
    history, log = tmp_path / "chat.db", tmp_path / "log.jsonl"
    with opened(history, log) as place:
        place.server.chat.records.protect("absent", passphrase.make("open sesame"))
        with place.enter("mallory", kind, is_operator=True) as mallory:
            send_and_read(mallory, all_ways(payloads))
            look_around(place, needles=len(payloads) // 8 + 1)
            for number, reason in enumerate(reasons(payloads)):
                with place.enter("victim", KINDS[number % len(KINDS)]) as victim:
                    mallory.send(b"/kick victim " + reason + b"\n")
                    victim.expect_end()
                    judge(victim.received, KINDS[number % len(KINDS)])
                with place.enter("quitter", kind) as quitter:
                    quitter.send(b"/quit " + reason + b"\n")
                    quitter.expect_end()
            mallory.sync()
            place.fence()
            judge(mallory.received, kind)
        for each, client in place.people:
            text = judge(client.received, each)
            # The attack did take place, in the first way and in the last.
            assert text.count("mallory: ") > len(payloads)
            assert "[mallory -> you] " in text
    with opened(history, log) as place, Client(place.server) as absent:
        # What the server keeps for people that come later.
        absent.type("absent\nopen sesame")
        absent.sync()
        assert judge(absent.received, KINDS[0]).count("[mallory -> you]") == len(payloads)
        look_around(place, needles=len(payloads) // 8 + 1)
        for each, client in place.people:
            judge(client.received, each)
        place.console.close()
        assert not UNSAFE & set(place.console.file.getvalue().replace("\n", ""))
    assert set(log.read_bytes()) <= {*range(0x20, 0x7F), 0x0A}
    for form in ("text", "jsonl"):
        assert export.main([str(history), "--format", form]) == 0
        exported = capsys.readouterr().out
        assert exported.count("\n") > len(payloads)
        assert not UNSAFE & set(exported.replace("\n", ""))


def send_and_read(client: Client, data: bytes) -> None:
    """Send what may be answered with more than the connection holds."""

    def read() -> None:
        client.expect("!!! There is no /sync.")
        client.expect("\r\n")

    run_concurrently([lambda: client.send(data + b"/sync\n"), read])


def reasons(payloads: Sequence[bytes]) -> list[bytes]:
    """Return all payloads in a few lines."""
    return [b" ".join(payloads[at : at + 10]) for at in range(0, len(payloads), 10)]


@pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.name)
def test_nor_does_what_is_sent_where_a_name_is_asked_for(kind: Kind, server: ChatServer) -> None:
    payloads = [text.encode() for text in TEXTS] if kind.encoding == "utf-8" else BYTES
    for at in range(0, len(payloads), 4):
        with Client(server) as client:
            client.send(kind.says_first + b"\n".join(payloads[at : at + 4]) + b"\nwho\n/quit\n")
            client.expect_end()
            judge(client.received, kind)


def test_no_encoding_writes_control_characters() -> None:
    printable = "".join(chr(code) for code in range(0x20, 0x30000) if not 0xD800 <= code < 0xE000)
    printable = "".join(set(printable) - UNSAFE)
    names = {*aliases.aliases.values()}
    usable = []
    for name in sorted(names):
        with contextlib.suppress(LookupError):
            usable.append(usable_encoding(name))
    assert len(usable) > 50
    for name in usable:
        data = View(name).encode(printable)
        assert not set(data) & {*range(0x20), 0x7F}, name
        assert not re.search(rb"\xff[\xfa-\xfe]", data), name
