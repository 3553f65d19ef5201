"""A chat with people in it but without connections: they type commands, and keep what they see."""

import time
from collections.abc import Callable, Generator

from tests.support.observer import Recorder
from tests.support.servers import no_stats
from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Observer, Portion, ServerControl
from threadchat.chat.person import Person
from threadchat.chat.rules import Rules
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Call, parse_line
from threadchat.messages.format import render
from threadchat.messages.kinds import Say
from threadchat.monitoring.events import Acted
from threadchat.net.peers import PeerState
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.terminal.view import PLAIN_VIEW, Appearance, View


def make_chat(
    records: Records,
    observer: Observer,
    *,
    history: History | None = None,
    finish: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Chat:
    """Return a chat without a server around it; `records` are the caller's to close."""
    control = ServerControl(no_stats, finish)
    return Chat(history or History(), records, Rules(), observer, control, clock=clock)


def make_person(id: int, address: str = "") -> Person:
    """Return a person that throws away what they are sent."""
    return Person(id, address, lambda data: None, PLAIN_VIEW)


class Somebody(Person):
    """A person that keeps what they are sent. The object is its own `Connection`, too."""

    __slots__ = (
        "appearance",
        "ended",
        "leaves",
        "now",
        "pauses",
        "peer",
        "received",
        "secrets",
        "takes",
        "untaken",
    )

    def __init__(self, id: int) -> None:
        self.received = bytearray()
        self.secrets: list[str] = []
        """What this person will type when asked for a password, in this order."""
        self.pauses: list[float] = []
        self.now = [0.0]
        """The clock of the chat; it goes on while this person waits."""
        self.ended: list[str] = []
        self.leaves: Callable[[], object] = lambda: None
        """What this person's thread does when the connection is ended."""
        self.peer: PeerState | None = None
        """What the system knows of this person's client."""
        self.takes = True
        """Whether this person's client takes what it is handed over."""
        self.untaken: list[Portion] = []
        """What it was handed over, and has not taken."""
        super().__init__(id, f"192.0.2.{id}:1000", self.received.extend, PLAIN_VIEW, self)
        self.appearance = Appearance()

    def ask_secret(self, question: str) -> str | None:
        self.received += f"{question}\r\n".encode()
        return self.secrets.pop(0) if self.secrets else None

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now[0] += seconds
        return True

    def catch_up(self, seconds: float) -> bool:
        return not self.ended

    def look_at_peer(self) -> PeerState | None:
        return self.peer

    def hand_over(self, portions: Generator[Portion, None, None]) -> None:
        for portion in portions:
            self.deliver(b"".join(render(it, self.format) for it in portion.messages))
            if self.takes:
                portion.taken()
            else:
                self.untaken.append(portion)

    def end(self, reason: str, words: str) -> None:
        self.ended.append(f"{reason} | {words}")
        self.leaves()

    @property
    def door(self) -> str:
        return "terminal"

    @property
    def terminal(self) -> "Somebody":
        return self

    def adapt(self, view: View, is_in_character_mode: bool) -> None:
        """Change to a client that needs `view`, in character mode or not."""
        self.appearance = self.appearance.adapted(view, is_in_character_mode)
        self.hears_itself = is_in_character_mode
        self.format = self.appearance.view

    def show(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> None:
        self.appearance = self.appearance.wished(color=color, times=times, bell=bell)
        self.format = self.appearance.view

    def set_charset(self, name: str) -> str:
        raise LookupError

    def set_character_mode(self, wanted: bool) -> None:
        """Do nothing, like a client that does not answer."""

    def lines(self) -> list[str]:
        """Return the lines since the last call."""
        text = self.received.decode(self.appearance.view.encoding)
        self.received.clear()
        assert not text or text.endswith("\r\n")
        return text.split("\r\n")[:-1]


class Lobby:
    """A chat with people in it. A test lets them speak and type commands."""

    def __init__(self, records: Records | None = None) -> None:
        self.watcher = Recorder()
        self.history = History()
        self.now = [1000.0]
        self.events = self.watcher.events
        self.finished: list[bool] = []
        self.records = records or Records(None)
        self.chat = make_chat(
            self.records,
            self.watcher,
            history=self.history,
            finish=lambda: self.finished.append(True),
            clock=lambda: self.now[0],
        )
        self.commands = make_registry()
        self.people: dict[str, Somebody] = {}

    def close(self) -> None:
        """End the chat's threads, and close the records."""
        self.chat.close()
        self.records.close()

    def enter(self, *names: str) -> list[Somebody]:
        newcomers = [Somebody(len(self.people) + at) for at in range(1, len(names) + 1)]
        for person, name in zip(newcomers, names, strict=True):
            self.chat.names.claim(person, name)
            self.chat.enter(person)
            person.now = self.now
            self.people[name] = person
        for person in self.people.values():
            person.lines()
        return newcomers

    def says(self, person: Person, text: str) -> None:
        self.chat.say(person, [Say(person.name, text, time.time())])

    def types(self, person: Person, line: str) -> None:
        call = parse_line(line)
        assert isinstance(call, Call)
        self.commands.dispatch(self.chat, person, call)


RIGHT = "correct horse"

CLOCK = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?"

UNTIL = f"until {CLOCK}"
"""A pattern of what is said of an end in time."""


def protect(lobby: Lobby, person: Somebody, *typed: str) -> list[str]:
    person.secrets += typed
    lobby.types(person, "/protect")
    return person.lines()


def deeds(lobby: Lobby) -> list[str]:
    """Return what was logged since the last call."""
    found = [f"{event.who} {event.deed}" for event in lobby.events if isinstance(event, Acted)]
    lobby.events.clear()
    return found
