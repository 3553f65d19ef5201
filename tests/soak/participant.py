"""One of the crowd: what it types, and what comes back, sorted by the rooms where it was."""

import re
import socket
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from tests.support.clients import Reachable, reset

_TELNET_COMMAND = re.compile(rb"\xff[\xfb-\xfe].|\xff[\xf0-\xf9]", re.DOTALL)
_PROMPTS = re.compile(
    r"^((\(Your client will show what you type\.\) )?"
    r"(Your name: |Passphrase of [^:]+: |New passphrase for \S+: |The same again: ))+"
)
_STYLE = re.compile(r"\x1b\[[\d;]*m|\a")
_TIME = re.compile(r"^\d\d:\d\d (?=\S)")
_STAY = re.compile(r"^(<-- .* left) after [^(]+\(")
_ECHO = re.compile(r"^[a-z0-9]+> ")
_SAID = re.compile(r"^(\S+: |\* \S+ |--> |<-- |--- )")

PICTURE = "👍🏽"
"""A picture character. Terminals do not agree on its width."""

_NOISE = [b"", b"", b"\xff\xf1", b"\xff\xfb\x18", b"\xff\xfd\x06"]
"""Telnet commands that change nothing: NOP, WILL TERMINAL-TYPE, DO TIMING-MARK."""

_SLIPS = [b"", b"", b"x\x7f", b"oops\x15", b"a b\x17\x17", b"\x1b[A\x15"]
"""What is typed and taken back, by Backspace, Ctrl-U and Ctrl-W; and an earlier line."""

REPLAY_BEGINS = "=== What was said before you came:"
REPLAY_ENDS = "=== From here on it is live."
_LAST_BEGINS = re.compile(r"=== The last \d+ of what was said in (\S+?)(, as .*)?:$")
_LISTED = re.compile(r"=== \d+ (person is|people are) here: ")
_LAST_ENDS = "=== That was it."


def without_duration(line: str) -> str:
    """Return the line of somebody's leaving without how long they stayed, which is not foretold."""
    return _STAY.sub(r"\1 (", line)


class Kind(Enum):
    """How somebody is connected."""

    PLAIN = auto()
    """Whole lines, as netcat sends them."""
    TELNET = auto()
    """Whole lines, with telnet commands now and then."""
    KEYS = auto()
    """Key by key: the server draws the line."""


class Stage(Enum):
    """How far somebody has come."""

    NAMING = auto()
    HERE = auto()
    LEAVING = auto()
    GONE = auto()


@dataclass
class Recall:
    """What was shown of what had been said in a room: on joining it, or on `/last`."""

    room: str
    is_replay: bool
    lines: list[str] = field(default_factory=list)
    is_whole: bool = False


@dataclass
class Visit:
    """What somebody saw in one room, from coming to going, and has not been judged yet."""

    room: str
    seen: list[str] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)
    has_replay: bool = False


class Participant:
    """One person of the crowd; every line they see is kept until it has been judged.

    Each line that this person says has their `serial` and a running number. Nothing here waits:
    what cannot be sent yet stays in `outgoing`.
    """

    def __init__(
        self, server: Reachable, serial: int, name: str, kind: Kind, random: Random
    ) -> None:
        self.serial, self.name, self.kind = serial, name, kind
        self.random = random
        self.socket = socket.create_connection(server.server_address[:2])
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        host, port = self.socket.getsockname()
        self.address = f"{host}:{port}"
        self.stage = Stage.NAMING
        self.outgoing = bytearray()
        self.is_choppy = False
        """Whether what this one sends goes out in small pieces."""
        self.is_stuck = False
        """Whether this one has stopped reading for good."""
        self.deaf_until = 0.0
        """When this one goes on reading."""
        self.may_end: set[str] = set()
        """How the reasons for the end of this connection may begin."""
        self.is_stargazer = False
        """Whether this one goes by names that many want, and stays in the lobby."""
        self.was_cut_off = False
        """Whether the server has ended this one, without sending all there was."""
        self._has_said_goodbye = False  # so that it sees everything up to its end
        self._way = ""
        self.spare_name = name
        """What this one calls itself if its first name is refused."""
        self.count = 0
        """How much this one has said."""
        self.ignored: set[int] = set()
        """The serial numbers of the people that this one has ever ignored."""
        self.visits: list[Visit] = []
        self.visits_judged = 0
        self.recall: Recall | None = None
        self.times_muted = 0
        """How often it was told that it had been shown to nobody."""
        self.last_answer = ""
        self.listed = ""
        """What `/who` last answered about the room where this one is."""
        self.heard_fence = 0
        self.strange: list[str] = []
        """Lines that nobody should ever be sent."""
        self.bytes_sent = self.bytes_received = 0
        self._received = b""
        self._sync = 0
        self._synced = 0

    # What it does

    def type(self, line: str) -> None:
        """Type `line` and press Enter."""
        if self.kind is Kind.KEYS:
            # Where such stand, rows are ended by hand, which would look like lines here.
            line = line.replace(PICTURE, "ok")
        data = line.encode()
        match self.kind:
            case Kind.PLAIN:
                self.outgoing += data + b"\n"
            case Kind.TELNET:
                self.outgoing += self.random.choice(_NOISE) + data + b"\r\n"
            case Kind.KEYS:
                self.outgoing += self.random.choice(_SLIPS) + data + b"\r\0"

    def say(self, words: str, how: str = "") -> None:
        """Say `words`, or do them with `how` being `/me `, under the next number."""
        self.count += 1
        self.type(f"{how}{self.serial}.{self.count} {words}")

    def sync(self) -> None:
        """Ask for something by which it shows that all before it has been dealt with."""
        self._sync += 1
        self.type(f"/sync{self._sync}")

    @property
    def is_in_sync(self) -> bool:
        """Whether that has come back."""
        return self._synced == self._sync

    def intrude(self, data: bytes, reason: str) -> None:
        """Send what no chat client sends; the server ends the connection then."""
        self.outgoing += data
        self.may_end.add(reason)
        self.stage = Stage.LEAVING

    def leave(self, how: str) -> None:
        """Leave in one of several ways."""
        match how:
            case "quit":
                self.type("/quit")
                self._expect_end("quit")
            case "quit with words":
                self.type(f"/quit {self.serial} goes (home)")
                self._expect_end("quit: ")
                self._expect_end("quit")  # the last words of a muted person are not shown
            case "press Ctrl-D":
                self.outgoing += b"\x15\x04"
                self._expect_end("quit")
            case "half close":
                self.may_end.add("closed")
            case "close":
                self.may_end |= {"closed", "reset"}
            case "reset":
                self.may_end |= {"closed", "reset"}
        self.stage = Stage.LEAVING
        self._way = how
        self.deaf_until = 0.0  # the server does not wait for long

    def _expect_end(self, reason: str) -> None:
        self.may_end.add(reason)
        self._has_said_goodbye = True

    # Its connection

    def flush(self) -> None:
        """Send what the server takes now, and go if all has been sent and that is wanted."""
        if self.outgoing:
            piece = self.random.randint(1, 40) if self.is_choppy else 65536
            try:
                sent = self.socket.send(self.outgoing[:piece])
            except BlockingIOError:
                return
            except OSError:
                self.outgoing.clear()  # reading will find out, too
                return
            self.bytes_sent += sent
            del self.outgoing[:sent]
        if not self.outgoing and self.stage is Stage.LEAVING:
            self._go()

    def _go(self) -> None:
        match self._way:
            case "half close":
                self._way = ""
                self._has_said_goodbye = True
                try:
                    self.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    self.close()
            case "close":
                self.close()
            case "reset":
                reset(self.socket)
                self.close()

    def fileno(self) -> int:
        """Return what `select` knows the connection by."""
        return self.socket.fileno()

    def close(self) -> None:
        """Be gone."""
        self.socket.close()
        self.stage = Stage.GONE

    def receive(self) -> None:
        """Read what has come; the end of it is the end of this one."""
        try:
            data = self.socket.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            self._has_said_goodbye = False
            data = b""
        if not data:
            self.close()
            return
        self.bytes_received += len(data)
        *lines, self._received = (self._received + data).split(b"\r\n")
        for line in lines:
            self._take(self._plain(line))

    def _plain(self, line: bytes) -> str:
        """Return what stands there once telnet's commands and what draws the line are away."""
        if self.kind is not Kind.PLAIN:
            line = _TELNET_COMMAND.sub(b"", line)
        text = line.decode(errors="replace")
        if self.kind is Kind.KEYS:
            text = text.rpartition("\x1b[J")[2]
        return _PROMPTS.sub("", _STYLE.sub("", text))

    # What it sees

    def _take(self, line: str) -> None:
        line = _TIME.sub("", line)
        if line.startswith("Welcome, "):
            self.stage = Stage.HERE if self.stage is Stage.NAMING else self.stage
            self.visits.append(Visit("lobby"))
        elif line.startswith("=== "):
            self._take_notice(line)
        elif line.startswith("!!! "):
            self._take_problem(line)
        elif self.visits and line and not line.startswith("["):  # a secret ends a line unseen
            self._take_said(line)

    def _take_notice(self, line: str) -> None:
        if room := re.match(r"=== You are in (\S+)\.$", line):
            self.visits.append(Visit(room.group(1)))
        elif line == REPLAY_BEGINS:
            self._begin_recall(Recall(self.room, is_replay=True))
            self.visits[-1].has_replay = True
        elif last := _LAST_BEGINS.match(line):
            self._begin_recall(Recall(last.group(1), is_replay=False))
        elif line == REPLAY_ENDS or line.startswith(_LAST_ENDS):
            if self.recall is not None:
                self.recall.is_whole = True
            self.recall = None
        elif name := re.match(r"=== You are now (\S+)\.$", line):
            self.name = name.group(1)
        elif _LISTED.match(line):
            self.listed = line
        elif line.startswith(("=== You were kicked by ", "=== You were banned by ")):
            self.was_cut_off = True  # even where the log knows of a quit in the same moment
        self.last_answer = line

    def _begin_recall(self, recall: Recall) -> None:
        self.recall = recall
        self.visits[-1].recalls.append(recall)

    def _take_problem(self, line: str) -> None:
        if sync := re.match(r"!!! There is no /sync(\d+)\.", line):
            self._synced = int(sync.group(1))
        elif self.stage is Stage.NAMING:
            self.name = self.spare_name
            self.type(self.name)
        if line.startswith("!!! You are muted"):
            self.times_muted += 1
        self.last_answer = line

    def _take_said(self, line: str) -> None:
        if fence := re.match(r"--- Announcement by \S+: fence-(\d+)$", line):
            self.heard_fence = int(fence.group(1))
        if self.recall is not None:
            self.recall.lines.append(line)
        elif _SAID.match(line):
            self.visits[-1].seen.append(without_duration(line))
        elif not (self.kind is Kind.KEYS and _ECHO.match(line)):
            self.strange.append(line)

    def state(self) -> str:
        """Describe the state of this one, for a reader that looks into a violation."""
        return (
            f"{self.stage.name}, going by {self._way!r}, with {len(self.outgoing)} bytes to send,"
            f" having got {self.bytes_received}, at last {self.last_answer!r}"
        )

    @property
    def saw_all(self) -> bool:
        """Whether this one has been sent all that it was to see until now, or until its end."""
        return self.stage is not Stage.GONE or (self._has_said_goodbye and not self.was_cut_off)

    @property
    def room(self) -> str:
        """The room where this one is, as far as it knows."""
        return self.visits[-1].room if self.visits else ""
