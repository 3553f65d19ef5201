"""Serve one client for as long as it is connected, on a thread of its own.

The way of a line is one `for` loop here: what arrives goes through the client's `Terminal`, and
each line that comes out is a name, a command, or something to say.
"""

import math
import socket
import socketserver
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, cast

from threadchat.access.limits import Limits
from threadchat.chat import passwords as protecting
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.builtin import registry
from threadchat.commands.completion import complete
from threadchat.commands.registry import Call, parse_line
from threadchat.messages.kinds import Notice, Problem, Say, Spoken
from threadchat.monitoring.events import Connected, Disconnected, Named, Watch
from threadchat.net.addresses import show_address
from threadchat.net.disconnect import BROKEN, Reason, reason_of
from threadchat.net.sendqueue import Flusher, Frame, Outbox
from threadchat.net.sniffer import Doorman
from threadchat.net.transport import AnyWire, open_wire, prepare
from threadchat.session.floodcontrol import Pace
from threadchat.session.login import Entrance
from threadchat.terminal.clientterminal import AreYouThere, Ended, Terminal, TerminalEvent
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.terminal.view import render
from threadchat.text.clean import clean_text
from threadchat.text.phrases import duration

MAX_SAID_AT_ONCE = 16
"""The most lines of one client that its room is told at once, besides the first."""

RECEIVE_SIZE = 1024
"""Bytes received at once, where something is there."""

WAITING_SIZE = 470
"""Bytes received at once by who waits for them: each idle thread holds a buffer of this size.

Of what Python allocates without asking the system, this is about the largest.
"""

DRAIN_SECONDS = 3.0
"""How long a client that is leaving may take to fetch what was still to be sent to it."""

LINGER_SECONDS = 1.0
"""How long we wait for a client's end of the connection after closing ours."""

STUCK_SECONDS = 30.0
"""How long a client may take none of what is queued for it."""

IDLE_WARNING_SECONDS = 60.0
"""How long before its end a silent client is warned; half of its time if that is less."""


class Host(Protocol):
    """What a handler needs of the server it belongs to."""

    chat: Chat
    clock: Callable[[], float]
    fallback_encoding: str
    flusher: Flusher
    limits: Limits
    tls: ssl.SSLContext | None
    watch: Watch

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""

    def register(self, handler: "ClientHandler") -> None:
        """Know `handler`, so that it can be ended from outside."""

    def unregister(self, handler: "ClientHandler") -> None:
        """Give its place to somebody else: `handler` only has its goodbye left to say."""


class ClientHandler(socketserver.StreamRequestHandler):
    """One client: greeted, asked for a name, heard and answered, and seen off."""

    request: socket.socket

    def setup(self) -> None:
        """Make ready what serves this client.

        `rfile` and `wfile` are not made: the wire receives without a buffer, and sends without
        waiting.
        """
        self.connection = self.request
        prepare(self.connection)
        self.host = cast(Host, self.server)
        self.wire = self._open_wire()
        self.outbox = Outbox(self.wire, self.host.flusher)
        self.terminal = Terminal(self.host.fallback_encoding, self._complete)
        self._frame: Frame | None = None
        self.started_at = self.host.clock()
        self.bytes_received = 0
        self.person = Person(
            self.host.next_id(), show_address(self.client_address), self.outbox.send, door=self
        )
        self._typed = self._lines()
        self._events: list[TerminalEvent] = []  # what has come in and is not served yet
        self._entrance = Entrance(self.host.chat, self)
        self._prompt = ""
        flood = self.host.limits.flood
        self._pace = Pace(flood, self.host.clock, self.wire, self.person) if flood else None
        self._warned_after = -math.inf  # when the person was last heard before a warning
        # After how many bytes sent it takes no more, and since when; None while nothing is queued.
        self._stuck_at: tuple[int, float] | None = None
        self._why: str = Reason.CLOSED
        self._was_cut_off = False  # broken or turned away: what stands there is no line
        self.host.watch.note(Connected(self.person.id, self.person.address))
        self.host.register(self)

    def _open_wire(self) -> AnyWire:
        return open_wire(self.connection)

    def _is_reached(self) -> bool:
        """Return whether what we send gets to the client as it should."""
        return True

    def handle(self) -> None:
        """Serve the client until one side has had enough."""
        try:
            if self._is_reached() and self._enter():
                for line in self._typed:
                    self._obey(line)
                    if self.person.leaving is not None:
                        break
        except Exception as error:
            self._why = Reason.SERVER_ERROR
            self.host.watch.failed(f"serving client #{self.person.id}", error)
        if self.person.leaving is not None:
            self._why = self.person.leaving

    def finish(self) -> None:
        """Take the client out, see that it gets what it is owed, and log its end, once."""
        why = self._reason()
        try:
            if self.person.name:
                self.host.chat.leave(self.person, why)
            self._see_off(why)
        finally:
            self.outbox.close()
            self._log_end(why)
            self._let_go()

    def _reason(self) -> str:
        """Return what ended the client from outside, if anything did; else what it did."""
        ended = self.outbox.reason
        if ended is None or (ended in BROKEN and self._why == Reason.TIMED_OUT):
            # Of a lost connection the system says once that it timed out, to whoever asks first;
            # from then on only that it is broken.
            return self._why
        return ended

    def _see_off(self, why: str) -> None:
        """Let the client have what it is owed, and close our side first."""
        self.terminal.stop()
        self._settle()
        if why.startswith(Reason.QUIT):
            self.person.tell(Notice("Goodbye."))
        self.host.unregister(self)
        if self.outbox.drain(DRAIN_SECONDS):
            self.wire.linger(LINGER_SECONDS)

    def _let_go(self) -> None:
        """Let go of what holds on to this handler, so that all of it is freed here and now.

        A search for cycles might come late: on a free-threaded build what a thread that has ended
        allocated may not count as a reason for one.
        """
        self._typed.close()
        self.person.door = None
        del self._typed, self._entrance, self.terminal

    def _log_end(self, why: str) -> None:
        self.host.watch.note(
            Disconnected(
                self.person.id,
                self.person.name,
                self.person.address,
                seconds=self.host.clock() - self.started_at,
                received=self.bytes_received,
                sent=self.outbox.bytes_sent,
                why=why,
            )
        )

    # What a person can wish of this kind of door

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead."""
        self.begin_secret(question)
        return self.next_secret()

    def begin_secret(self, question: str) -> None:
        """Ask for a password, but do not wait for it."""
        self.terminal.ask_secret(question)
        self._settle()

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; None if the person is gone instead."""
        secret = self.next_line()
        if secret is not None:
            self.terminal.take_secret(secret)
            if secret.strip() == "/quit":
                self.person.quit()
                secret = None
        self._show_prompt()
        return secret

    def next_line(self) -> str | None:
        """Wait for the next line; None if the person is gone instead."""
        return next(self._typed, None)

    def pause(self, seconds: float) -> bool:
        """Wait so long; return False, at once, if the connection breaks or is ended meanwhile."""
        return self.wire.pause(seconds)

    def set_charset(self, name: str) -> str:
        """See `Terminal.set_charset`."""
        encoding = self.terminal.set_charset(name)
        self._settle()
        return encoding

    def set_character_mode(self, wanted: bool) -> None:
        """See `Terminal.set_character_mode`."""
        self.terminal.set_character_mode(wanted)
        self._settle()

    def _complete(self, text: str) -> tuple[int, list[str]]:
        return complete(registry, self.host.chat, text) if self.person.name else (0, [])

    def end(self, reason: str, words: str) -> None:
        """End this client, from any thread, telling it why in `words`."""
        self.outbox.end(reason, render(Notice(words), self.person.view))

    def look_after(self, now: float) -> None:
        """End a client that keeps its place for nothing, or warn it; called every second or so."""
        limits, person = self.host.limits, self.person
        if not person.name:
            if limits.name_timeout and now - self.started_at >= limits.name_timeout:
                self.end(Reason.NO_NAME, "You have given no name. Come again!")
        elif limits.idle_timeout:
            self._look_after_idle(now - person.last_heard_at, limits.idle_timeout)
        if self.outbox.is_behind:
            self._look_after_queue(now)
        else:  # as nearly everybody
            self._stuck_at = None

    def _look_after_queue(self, now: float) -> None:
        sent = self.outbox.bytes_sent
        if self._stuck_at is None or sent != self._stuck_at[0]:
            self._stuck_at = sent, now
        elif now - self._stuck_at[1] >= STUCK_SECONDS:
            self.outbox.abandon(Reason.TOO_SLOW)

    def _look_after_idle(self, idle: float, timeout: float) -> None:
        left = timeout - idle
        if left <= 0:
            self.end(Reason.IDLE, f"You have said nothing for {duration(timeout)}. Goodbye.")
        elif (
            left <= min(IDLE_WARNING_SECONDS, timeout / 2)
            and self._warned_after != self.person.last_heard_at
        ):
            self._warned_after = self.person.last_heard_at
            words = f"Are you still here? Say something within {duration(left)}, or be let go."
            self.person.tell(Notice(words))

    # From the client

    def _receive(self, *, waits: bool = True) -> bytes:
        """Return what the client sends; b"" is the end, for whatever reason.

        Without waiting, b"" may also be that nothing has come.
        """
        try:
            wire = self.wire
            data = wire.receive(WAITING_SIZE) if waits else wire.receive_now(RECEIVE_SIZE)
        except OSError as error:
            self._why = reason_of(error)
            self._was_cut_off = True
            return b""
        self.bytes_received += len(data)
        return data

    def _is_ended(self) -> bool:
        """Return whether we are done with this client.

        Not yet, if a send has found the connection broken: what it said before that counts.
        """
        return self.outbox.reason is not None and self.outbox.reason not in BROKEN

    def _chunks(self) -> Iterator[bytes]:
        """Greet the client and yield what it sends, unless that shows it to be none of ours."""
        doorman = Doorman()
        # Who speaks another protocol has usually done so by now, and can read our answer if it is
        # the first thing we send. Nothing is waited for: people do not type that fast.
        greeted = not self.wire.has_input()
        if greeted:
            self._entrance.greet()
        while not self._is_ended() and (data := self._receive()):
            if not doorman.done and (foreign := doorman.look(data)):
                self._why = f"{Reason.NOT_A_CHAT_CLIENT}: {foreign.protocol}"
                self.outbox.send(foreign.answer)
                self._was_cut_off = True
                return
            if not greeted:
                greeted = True
                self._entrance.greet()
            yield data

    def _lines(self) -> Generator[str, None, None]:
        """Yield the lines the client types, as they were typed."""
        events = self._events
        for data in self._chunks():
            self._take(data)
            asked = False
            while events:
                if self._is_ended():
                    return
                event = events.pop(0)
                if isinstance(event, str):
                    if not self._is_time_for(event):
                        return
                    yield event
                elif isinstance(event, Ended):
                    self.person.quit()
                    return
                elif not (isinstance(event, AreYouThere) and asked):
                    # One sign of life is enough for all that ask in one breath.
                    asked = isinstance(event, AreYouThere)
                    self._answer(event)
        if not self._was_cut_off and not self._is_ended():
            for event in self.terminal.receive_end():
                if isinstance(event, str) and self._is_time_for(event):
                    yield event

    def _is_time_for(self, line: str) -> bool:
        return self._pace is None or self._pace.wait_for(line)

    def _take(self, data: bytes) -> None:
        lines = self.terminal.plain_lines(data)
        if lines is not None:
            self._events += lines
        else:
            self._events += self.terminal.receive_data(data, self.host.clock())
            self._settle()

    def _answer(self, event: LineTooLong | AreYouThere) -> None:
        """Answer what is not a line."""
        if isinstance(event, AreYouThere):
            self.person.tell(Notice("Yes, threadchat is here."))
        else:
            self.person.tell(
                Problem(
                    f"A line has at most {event.limit} characters; yours was not sent."
                    " Say it in several."
                )
            )

    def _words_behind(self) -> list[str]:
        """Take what has come in to be said right behind a line: a room is told all at once."""
        said: list[str] = []
        for event in self._events[:MAX_SAID_AT_ONCE]:
            if not isinstance(event, str):
                break
            text = clean_text(event).rstrip()
            if text.startswith("/"):
                break
            said.append(text)
        del self._events[: len(said)]
        return [text for text in said if text]

    # To the client

    def write(self, text: str) -> None:
        """Send `text`, of whole lines or the start of one, as it is."""
        self.outbox.send(self.person.view.encode(text))

    def _settle(self, before: bytes = b"") -> None:
        """Send `before` and what the terminal has to say, and how a line being typed is kept."""
        data, frame = self.terminal.take_output()
        data = before + data
        if data or frame != self._frame:
            self._frame = frame
            self.outbox.update(data, frame)
        self.person.adapt(self.terminal.view, self.terminal.is_in_character_mode)

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, and below them put `question` before what is typed next."""
        before = self.person.view.encode(lines)
        if before and self.terminal.is_in_character_mode:
            self.outbox.send(before)  # above what is being typed
            before = b""
        self.terminal.ask(question)
        self._settle(before)

    def keep(self, typed: str) -> None:
        """Leave on the screen what was typed, where only we can."""
        if self.terminal.is_in_character_mode:
            self.write(f"{typed}\r\n")

    # The conversation

    def _enter(self) -> bool:
        """Let the client in, once it has given all that is asked for; return whether it has."""
        if not self._entrance.is_passed():
            return False
        chat = self.host.chat
        self._set_prompt(chat.lobby.name)
        chat.enter(self.person)
        if self.terminal.speaks_telnet and not self.terminal.is_in_character_mode:
            self.person.tell(Notice(_CHARMODE_HINT))
        protecting.hand_over(chat, self.person)
        self.host.watch.note(Named(self.person.id, self.person.name))
        return True

    def _set_prompt(self, room: str) -> None:
        self._prompt = f"{room}> "
        self._show_prompt()

    def _show_prompt(self) -> None:
        self.terminal.set_prompt(self._prompt)
        self._settle()

    def _obey(self, line: str) -> None:
        """Do what a line asks for: say it, or run the command it calls."""
        self.person.last_heard_at = self.host.clock()
        text = clean_text(line).rstrip()
        if not text:
            return
        parsed = parse_line(text)
        if isinstance(parsed, str):
            self._say(parsed)
        else:
            self._call(parsed, text)

    def _say(self, words: str) -> None:
        said, more = [words], None
        if self._pace is None:  # else the flood guard has to see each line, on this thread
            said += self._words_behind()
            more = self._more
        self.host.chat.say(self.person, self._said(said), more)

    def _more(self) -> Sequence[Spoken]:
        """Return what has come in since, if it is to be said: see `Room.post`, which waits."""
        now = self.host.clock()
        if self._is_ended() or self.person.mute_left(now):
            return ()
        if not self._events and (data := self._receive(waits=False)):
            self._take(data)
        words = self._words_behind()
        if words:
            self.person.last_heard_at = now
        return self._said(words)

    def _said(self, words: Sequence[str]) -> Sequence[Spoken]:
        name, now = self.person.name, time.time()
        return [Say(name, text, now) for text in words]

    def _call(self, call: Call, typed: str) -> None:
        command = registry.get(call.command)
        if command is None or not command.is_speech:
            self.keep(self._prompt + typed)
        name, room = self.person.name, self.person.room
        registry.dispatch(self.host.chat, self.person, call)
        if self.person.room is not None and self.person.room is not room:
            self._set_prompt(self.person.room.name)
        if self.person.name != name:
            self.host.watch.note(Named(self.person.id, self.person.name, name))


_CHARMODE_HINT = "Type /charmode on to have the line you type kept whole while others talk."
