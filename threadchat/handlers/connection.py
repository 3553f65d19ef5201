"""Connect one person at a terminal: bytes in, lines out; messages in, bytes out.

What arrives goes through the client's `ClientTerminal`; what is sent goes through its `SendQueue`.
`threadchat.session` decides who the person is and what the lines mean.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from threading import Event

from threadchat.access.flood import ANSWER_COST, CHUNK_COST
from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Person
from threadchat.handlers.answering import answer_to
from threadchat.handlers.beginning import Beginning, Pages
from threadchat.handlers.handingover import HandingOver
from threadchat.handlers.intake import Intake
from threadchat.handlers.screen import Screen
from threadchat.messages.format import render
from threadchat.messages.kinds import Goodbye
from threadchat.net.disconnect import BROKEN, Reason, reason_of
from threadchat.net.peers import PeerState
from threadchat.net.sendqueue import DRAIN_SECONDS, SendQueue
from threadchat.net.tls import TlsTransport
from threadchat.net.transport import LINGER_SECONDS, Transport
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.telnetprotocol import IAC
from threadchat.terminal.terminalevents import AreYouThere, Ended, TerminalEvent

_GOODBYE_SLICE = 1.0
"""Seconds after which a client's thread that waits for the goodbye looks again."""


class TerminalConnection:
    """The connection of one person at a terminal: see `ClientConnection`.

    `begin` comes first. Everything is for the client's own thread, except what `ClientConnection`
    allows. The person's `deliver` may be called from any thread, too.
    """

    __slots__ = (
        "_beginning",
        "_events",
        "_handing_over",
        "_intake",
        "_is_time_for_input",
        "_lines",
        "_screen",
        "_send_queue",
        "_stopping",
        "_terminal",
        "_transport",
        "_was_cut_off",
        "pages",
        "person",
        "started_at",
        "why",
    )

    def __init__(
        self,
        person: Person,
        transport: Transport,
        send_queue: SendQueue,
        terminal: ClientTerminal,
        clock: Callable[[], float],
        stopping: Event,
    ) -> None:
        self.person = person
        self.started_at = clock()
        self.why: str = Reason.CLOSED
        """The reason that receiving has shown for the end of the connection."""
        self.pages: Pages | None = None  # where there is one for browsers
        self._transport = transport
        self._intake = Intake(transport, clock)
        self._send_queue = send_queue
        self._terminal = terminal
        self._screen = Screen(person, send_queue, terminal)
        self._stopping = stopping  # set once the server stops
        self._handing_over: HandingOver | None = None
        self._events: list[TerminalEvent] = []  # what has come in and is not served yet
        self._was_cut_off = False  # broken or turned away: the rest of the input is no line
        self._is_time_for_input: Callable[[float], bool] | None = None
        self._beginning: Beginning | None = None  # None once it is over
        self._lines: Generator[str, None, None] | None = None

    def begin(
        self,
        greet: Callable[[], None],
        is_time_for: Callable[[str], bool] | None = None,
        is_time_for_input: Callable[[float], bool] | None = None,
    ) -> None:
        """Get ready to read. `greet` is called to greet the client before its first line.

        `is_time_for` is called with each line before the line is passed on, and it may wait.
        `is_time_for_input` is called, with the cost in lines, after anything that is no line. If
        one of them returns False, the client is gone.
        """
        self._is_time_for_input = is_time_for_input
        self._beginning = Beginning(greet)
        self._lines = self._read_lines(is_time_for)

    def let_go(self) -> None:
        """Break the reference cycles of this connection, so that all of it is freed at once.

        The garbage collector might come late: on a free-threaded build, what an ended thread
        allocated may not count towards the next collection.
        """
        if self._lines is not None:
            self._lines.close()
        self._lines = self._beginning = self._is_time_for_input = None
        self.person.connection = None
        del self._terminal, self._screen

    # What the person types

    def lines(self) -> Iterator[str]:
        """Return an iterator over the lines as they were typed; it ends when the person is gone."""
        assert self._lines is not None
        return self._lines

    def next_line(self) -> str | None:
        """Wait for the next line; return None if the person is gone instead."""
        return next(self.lines(), None)

    def take_lines(self, most: int, *, receives: bool) -> list[str]:
        """Take up to `most` lines that came in right after the last one.

        If none waits and `receives` is true, take in what has arrived first, without waiting.
        """
        events = self._events
        if not events:
            # Keys are left to the client's own thread: a few of them can make many long lines.
            receives = receives and not (terminal := self._terminal).is_in_character_mode
            if not receives or not (data := self._intake.receive_now()):
                return []
            lines = terminal.plain_lines(data)
            if lines is None:
                self._take_rest(data)
            elif len(lines) <= most:
                return lines  # by far the most frequent case
            else:
                events += lines
        taken: list[str] = []
        for event in events[:most]:
            if not isinstance(event, str):
                break
            taken.append(event)
        del events[: len(taken)]
        return taken

    def put_back(self, lines: Sequence[str]) -> None:
        """Put `lines`, the last of those that `take_lines` returned, in front of what waits."""
        self._events[:0] = lines

    def is_ended(self) -> bool:
        """Whether this server has ended the client, or is about to, as it stops.

        What the client still sends is ignored. False if a send has found the connection broken:
        what the client said before still counts.
        """
        ended = self._send_queue.reason
        return self._stopping.is_set() or (ended is not None and ended not in BROKEN)

    def wait_for_goodbye(self) -> None:
        """Wait, while the server stops, until it has ended this client, too.

        A client that is still sending then costs the stop nothing, however much it sends.
        """
        while self._stopping.is_set() and self._send_queue.reason is None:
            if not self.pause(_GOODBYE_SLICE):
                return

    def is_at_end(self) -> bool:
        """Return whether the client will send nothing more, as far as the system knows."""
        return self._transport.is_at_end()

    def hand_over(self, portions: Generator[Portion, None, None]) -> None:
        """Hand the person `portions` (see `Connection`), also whenever input is waited for."""
        if self._handing_over is None:
            self._handing_over = HandingOver(self.person, self._send_queue, self._transport)
        self._handing_over.add(portions)
        self._handing_over.go_on(self.bytes_received)

    def pause(self, seconds: float) -> bool:
        """Wait `seconds`; return False early if the connection breaks or is ended meanwhile."""
        return self._transport.pause(seconds)

    def catch_up(self, seconds: float) -> bool:
        """Wait up to `seconds` until the client has taken what was sent; False if it is ended."""
        return self._send_queue.catch_up(seconds)

    @property
    def bytes_received(self) -> int:
        """How many bytes the client has sent so far."""
        return self._intake.bytes_received

    def _receive(self) -> bytes:
        """Return what the client sends; b"" means the end, for any reason."""
        if self._handing_over is not None and not self._intake.has_rest:
            self._handing_over.go_on(self.bytes_received)
            if self._handing_over.is_over:
                self._handing_over = None
        data = self._intake.receive(are_keys=self._terminal.is_in_character_mode)
        if not data and self._intake.error is not None:
            self.why = reason_of(self._intake.error)
            self._was_cut_off = True
        return data

    def _goes_on(self, data: bytes, beginning: Beginning) -> bool:
        """Look at `data`, which is among the first; False if that is no chat client."""
        if foreign := beginning.look(data):
            self.why = f"{Reason.NOT_A_CHAT_CLIENT}: {foreign.protocol}"
            page = "" if self.pages is None else self.pages.url_at(self.person.reached)
            self._send_queue.send(beginning.answer(foreign, page))
            self._was_cut_off = True
        elif beginning.is_over:
            self._beginning = None
        return foreign is None

    def _read_lines(self, is_time_for: Callable[[str], bool] | None) -> Generator[str, None, None]:
        events, asked = self._events, False
        if self._beginning is not None:
            self._beginning.greet_if_silent(self._transport.wait_for_input, self.pages)
        while (data := self._receive()) and (
            self._beginning is None or self._goes_on(data, self._beginning)
        ):
            cost = self._take(data)
            if not events and self.is_ended():
                return
            while events:
                if self.is_ended():
                    return
                event = events.pop(0)
                if isinstance(event, str):
                    if is_time_for and not self._intake.wait(is_time_for, event):
                        return
                    yield event
                elif isinstance(event, Ended):
                    self.person.quit()
                    return
                elif not (isinstance(event, AreYouThere) and asked):
                    # One answer is enough for several AYTs that come one right after another.
                    asked = isinstance(event, AreYouThere)
                    self.person.tell(answer_to(event))
                    cost += ANSWER_COST
            asked = asked and self._intake.has_rest
            if cost and not self._is_time_for_more(cost):
                return
        if not self._was_cut_off and not self.is_ended():
            for event in self._terminal.receive_end():
                if isinstance(event, str) and (is_time_for is None or is_time_for(event)):
                    yield event

    def _is_time_for_more(self, cost: float) -> bool:
        is_time = self._is_time_for_input
        return is_time is None or self._intake.wait(is_time, cost)

    def _take(self, data: bytes) -> float:
        """Take in `data`, and return what of it is to be paid for besides its lines, in lines."""
        lines = self._terminal.plain_lines(data)
        if lines is None:
            return self._take_rest(data)
        self._events += lines
        return 0.0

    def _take_rest(self, data: bytes) -> float:
        """Take in data that is more than whole plain lines, or a piece of it; return its cost."""
        intake, terminal = self._intake, self._terminal
        if terminal.is_in_character_mode or (IAC in data and terminal.is_settled):
            data = intake.first_piece(data)
        self._events += terminal.receive_data(data, intake.key_time, has_rest=intake.has_rest)
        cost = terminal.take_cost()
        intake.set_cost(cost)
        if intake.is_time_to_draw():
            self._screen.settle()
        return CHUNK_COST + cost + terminal.take_cost()

    # Secrets

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead."""
        self.begin_secret(question)
        return self.next_secret()

    def begin_secret(self, question: str) -> None:
        """Ask for a password, but do not wait for it."""
        self._terminal.ask_secret(question)
        self._screen.settle()

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; return None if the person is gone instead."""
        secret = self.next_line()
        if secret is not None:
            self._terminal.take_secret(secret)
            if secret.strip() == "/quit":
                self.person.quit()
                secret = None
        self._screen.show_prompt()
        return secret

    # What the person sees

    def write(self, text: str) -> None:
        """Send `text` as it is. It is whole lines, or the start of a line."""
        self._screen.write(text)

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, then `question` in front of the line that the person types next."""
        self._screen.ask(question, lines)

    def keep(self, typed: str) -> None:
        """Leave `typed` on the screen in character mode. In line mode it stands there anyway."""
        self._screen.keep(typed)

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` in front of what is typed, in character mode."""
        self._screen.set_prompt(prompt)

    # What only a terminal has

    @property
    def door(self) -> str:
        """By which door the person came."""
        return "TLS" if isinstance(self._transport, TlsTransport) else "terminal"

    @property
    def terminal(self) -> Screen:
        """The settings of the person's terminal: see `TerminalSettings`."""
        return self._screen

    @property
    def speaks_telnet_in_line_mode(self) -> bool:
        """Whether the client could change to character mode: it speaks telnet, in line mode."""
        return self._terminal.speaks_telnet and not self._terminal.is_in_character_mode

    # The end

    @property
    def is_behind(self) -> bool:
        """Whether output waits at this moment for the client to take it."""
        return self._send_queue.is_behind

    @property
    def bytes_queued(self) -> int:
        """How many bytes wait for the client to take them."""
        return self._send_queue.bytes_queued

    @property
    def bytes_sent(self) -> int:
        """How many bytes the client's system has taken so far."""
        return self._send_queue.bytes_sent

    def look_at_peer(self) -> PeerState | None:
        """Return what the system knows of the client's end, without sending to it."""
        return self._send_queue.look_at_peer()

    def end(self, reason: str, words: str) -> None:
        """End this client, from any thread, telling it why in `words`."""
        self._send_queue.end(reason, render(Goodbye(reason, words), self.person.format))

    def abandon(self, reason: str) -> None:
        """End the client. What waits to be sent to it is dropped."""
        self._send_queue.abandon(reason)

    @property
    def reason(self) -> str:
        """The reason given by whatever ended the client; else the reason that receiving showed."""
        ended = self._send_queue.reason
        if ended is None or (ended in BROKEN and self.why == Reason.TIMED_OUT):
            # The system says only once that a lost connection timed out: to the first call that
            # asks. After that it says only that the connection is broken.
            return self.why
        return ended

    def stop_drawing(self) -> None:
        """Take the line being typed off the screen, for the last words."""
        self._terminal.stop()
        self._screen.settle()

    def drain(self) -> None:
        """Wait until what is queued is taken, for `DRAIN_SECONDS`; then close our side first."""
        if self._send_queue.drain(DRAIN_SECONDS):
            self._transport.linger(LINGER_SECONDS)
        if self._handing_over is not None:
            self._handing_over.close(self.bytes_received)

    def close(self) -> None:
        """Close the connection. For the client's own thread, at its very end."""
        self._send_queue.close()
