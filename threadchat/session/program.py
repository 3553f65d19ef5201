"""A member of a chat that is a program: a Python function that is called with messages.

For rooms and people it is a `Person` like all others: it has a number and a name on the same terms,
is listed, and can be ignored, muted, whispered to and kicked. What a room hands it waits in a queue
of its own, and a thread of its own calls the function. So a function that is slow, or fails, costs
nobody else anything (promises 3 and 8).
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from threading import Condition, Event, Lock, Thread

from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Correspondent, Person
from threadchat.commands import rooms, talk
from threadchat.errors import OperatorError
from threadchat.messages.datalines import DATA_LINES, messages_in
from threadchat.messages.format import render
from threadchat.messages.kinds import (
    Emote,
    Message,
    Private,
    ReplayBegins,
    ReplayEnds,
    Say,
    Spoken,
)
from threadchat.monitoring.events import Connected, Disconnected, Named
from threadchat.net.disconnect import Reason
from threadchat.net.threads import start_thread
from threadchat.text.clean import MAX_LINE, clean_line, clean_text

MAX_WAITING = 256 * 1024
"""How many bytes of messages may wait for a program before further ones are dropped."""

MAX_LINES_AT_ONCE = 16
"""The most lines that a room is told at once."""

ADDRESS = "a program here"
"""What operators see as the address of a member that is a program."""

OnMessage = Callable[["ProgramMember", Message], object]
"""What a program does with a message, on the member's own thread."""


class ProgramConnection:
    """The connection of a program: a bounded queue of what it is sent. See `Connection`.

    Any thread may use it. `tell_of_drop` is called once, when the first message is dropped.
    """

    def __init__(self, tell_of_drop: Callable[[], None]) -> None:
        self._tell_of_drop = tell_of_drop
        self._changed = Condition(Lock())  # guards all below
        self._waiting: deque[bytes] = deque()
        self._bytes_waiting = 0
        self._is_over = Event()
        self.dropped = 0
        """How many messages did not fit into the queue."""
        self.reason: str | None = None
        """Why the connection has ended; None until then."""

    def deliver(self, data: bytes) -> None:
        """Take lines of `DataLines` for the program, or drop them. Does not wait."""
        with self._changed:
            if self.reason is not None:
                return
            if self._bytes_waiting < MAX_WAITING:
                self._waiting.append(data)
                self._bytes_waiting += len(data)
                self._changed.notify_all()
                return
            is_first = not self.dropped
            self.dropped += data.count(b"\n")
        if is_first:
            self._tell_of_drop()

    def messages(self) -> Iterator[Message]:
        """Yield each message as it comes, until the connection has ended."""
        while (data := self._next()) is not None:
            for message in _from_others(messages_in(data)):
                if self.reason is not None:
                    return
                yield message

    def _next(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.reason is not None)
            if self.reason is not None:
                return None
            data = self._waiting.popleft()
            self._bytes_waiting -= len(data)
            return data

    @property
    def terminal(self) -> None:
        """A program has no terminal."""
        return None

    def ask_secret(self, question: str) -> str | None:
        """Return None, as for a person that is gone: a program knows no passphrase."""
        return None

    def hand_over(self, portions: Generator[Portion, None, None]) -> None:
        """Let the program have all of `portions`: its queue is here, so they are taken at once."""
        for portion in portions:
            self.deliver(b"".join(render(message, DATA_LINES) for message in portion.messages))
            portion.taken()

    @property
    def door(self) -> str:
        """By which door the person came."""
        return "program"

    def pause(self, seconds: float) -> bool:
        """Wait so long; return False, soon, if the connection is ended meanwhile."""
        return not self._is_over.wait(seconds)

    def catch_up(self, seconds: float) -> bool:
        """Return whether the connection is not ended: what waits in it is bounded anyway."""
        return not self._is_over.is_set()

    def look_at_peer(self) -> None:
        """Return None: the program is no other end of a connection."""
        return

    def end(self, reason: str, words: str = "") -> None:
        """End the connection; what waits in it is dropped. Does not wait."""
        with self._changed:
            if self.reason is None:
                self.reason = reason
                self._waiting.clear()
                self._changed.notify_all()
        self._is_over.set()


def _from_others(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield what a program is called with: neither its own words nor what was said before."""
    is_live = True
    for message in messages:
        match message:
            case ReplayBegins():
                is_live = False
            case ReplayEnds():
                is_live = True
            case Private(is_own=True):
                pass
            case _ if is_live:
                yield message


class ProgramMember:
    """A program as a member of a chat, from `ChatServer.add_member`.

    Any thread may call its methods, the function itself included; one at a time acts. Once the
    member has left or was ended, they do nothing. Each line of a text is said as a line of its own,
    made safe as what clients send is, and cut at `MAX_LINE` characters.
    """

    def __init__(self, id: int, name: str, on_message: OnMessage, chat: Chat) -> None:
        """Claim `name`; raise `BadName` if it cannot be had. Then call `start` and `enter`."""
        self._chat = chat
        self._on_message = on_message
        self._connection = ProgramConnection(self._tell_of_drop)
        self._person = Person(id, ADDRESS, self._connection.deliver, DATA_LINES, self._connection)
        self._acting = Lock()  # held while the person acts; guards the flag below
        self._is_out = False
        self._end_is_logged = Lock()  # taken once, and never let go of
        self._started_at = chat.clock()
        self.thread: Thread | None = None
        """The thread that calls the function, once it is started."""
        chat.names.claim(self._person, name)
        chat.observer.note(Connected(id, ADDRESS, self._connection.door))

    # About it

    @property
    def name(self) -> str:
        """Its name, as it is shown."""
        return self._person.name

    @property
    def reason(self) -> str | None:
        """Why it is not here any more: a `Reason`, with more words if there are any; else None."""
        return self._connection.reason

    @property
    def dropped(self) -> int:
        """How many messages it was not called with, because too many were waiting."""
        return self._connection.dropped

    # What it does

    def say(self, text: str) -> None:
        """Say `text` in the room."""
        self._speak(Say, text)

    def emote(self, text: str) -> None:
        """Say in the room what it does, as `/me` does."""
        self._speak(Emote, text)

    def whisper(self, to: str | Spoken | Private, text: str) -> None:
        """Say `text` to one person alone: to the one of that name, as `/msg` does, or an author.

        Given a message, it is the person that wrote it, as with `/reply`: whatever they are called
        by now, and nobody else that has taken their name. If that cannot be, the function is called
        with a `Problem` that says why. Raise `TypeError` for a message that nobody wrote.
        """
        if not isinstance(to, str | Spoken | Private):
            raise TypeError(f"nobody wrote a {type(to).__name__}; give a name")
        with self._acting:
            for line in _lines_of(text):
                if self.reason is not None:
                    return
                if isinstance(to, str):
                    talk.whisper(self._chat, self._person, to, line)
                else:
                    name = to.sender if isinstance(to, Private) else to.name
                    author = Correspondent(name, self._chat.names.who_had(name, to.at))
                    talk.answer(self._chat, self._person, author, line)

    def join(self, room: str) -> None:
        """Go to another room, as `/join` does.

        Raise `BadName` if no room can be called that, or if the member is there already.
        """
        with self._acting:
            if self.reason is None:
                rooms.join(self._chat, self._person, room)

    def leave(self, words: str = "") -> None:
        """Leave the chat, with `words` for those who stay. The function is not called any more."""
        last = " ".join(_lines_of(words))
        if last and not self._chat.may_speak(self._person):
            last = ""
        self._connection.end(f"{Reason.QUIT}: {last}" if last else Reason.QUIT)
        self.take_out()

    def _speak(self, kind: type[Say | Emote], text: str) -> None:
        lines = _lines_of(text)
        with self._acting:
            for begin in range(0, len(lines), MAX_LINES_AT_ONCE):
                if self.reason is not None:
                    return
                now = time.time()
                said = [
                    kind(self.name, line, now) for line in lines[begin : begin + MAX_LINES_AT_ONCE]
                ]
                self._person.last_heard_at = self._chat.clock()
                self._chat.say(self._person, said)

    # For the server

    def start(self) -> None:
        """Start the thread. Does not wait."""
        self.thread = start_thread(self._run, f"member {self.name}")
        if self.thread is None:
            self._connection.end(Reason.SERVER_ERROR)

    def enter(self) -> None:
        """Go into the lobby; raise `OperatorError` if no thread could be started."""
        if self.thread is None:
            self.take_out()
            raise OperatorError(f"there is no thread left for the member {self.name}")
        with self._acting:
            if self.reason is not None:
                return  # and the thread takes it out
            self._chat.enter(self._person)
        self._chat.observer.note(Named(self._person.id, self.name))

    def end(self, reason: str) -> None:
        """Have the member's thread take it out as soon as the function returns. Does not wait."""
        self._connection.end(reason)

    def take_out(self) -> None:
        """Take a member that has ended out of the chat, if that is not done yet."""
        with self._acting:
            if self._is_out:
                return
            self._is_out = True
            try:
                self._chat.leave(self._person, self.reason or Reason.SERVER_ERROR)
            finally:
                self._person.connection = None
        self.log_end()

    def log_end(self) -> None:
        """Log the end of the member, if that is not done yet (promise 7)."""
        if self._end_is_logged.acquire(blocking=False):
            person = self._person
            seconds = self._chat.clock() - self._started_at
            why = self.reason or Reason.SERVER_ERROR
            self._chat.observer.note(
                Disconnected(person.id, self.name, person.address, seconds, 0, 0, why)
            )

    def _tell_of_drop(self) -> None:
        self._chat.observer.warn(
            f"the member {self.name} takes too long: messages to it are dropped, and counted"
        )

    def _run(self) -> None:
        try:
            for message in self._connection.messages():
                try:
                    self._on_message(self, message)
                except (Exception, SystemExit) as error:  # it may call what ends programs
                    # It costs the program this message, and nobody else anything (promise 8).
                    self._chat.observer.failed(f"the member {self.name}", error)
        finally:
            self._connection.end(Reason.SERVER_ERROR)  # if nothing else has ended it
            self.take_out()


def _lines_of(text: str) -> list[str]:
    lines = (clean_line(clean_text(line)[:MAX_LINE]) for line in text.splitlines())
    return [line for line in lines if line]
