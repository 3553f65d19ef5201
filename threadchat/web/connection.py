"""Connect one person at a page, over as many WebSockets as that takes.

A phone sleeps, a page is loaded anew: the WebSocket breaks, and the person has not left. So the
connection outlives it: for `SEAT_SECONDS` the person keeps the seat, and their thread waits for
another WebSocket of the same session. What the person alone was sent is numbered and kept for a
while, what was said in the room has its place, and the lines of the page have numbers. So after a
resume nothing is missing, and nothing is there twice.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.messages.format import render
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Notice, Problem
from threadchat.messages.places import Place, place_at
from threadchat.monitoring.events import Event, Resumed, SeatKept
from threadchat.net.disconnect import Reason
from threadchat.net.peers import PeerState
from threadchat.net.tls import TlsTransport
from threadchat.text.clean import MAX_LINE
from threadchat.web import costs
from threadchat.web.handingover import HandingOver
from threadchat.web.link import Link
from threadchat.web.links import Links
from threadchat.web.objects import (
    Answer,
    BadObject,
    Leave,
    Line,
    Ping,
    Resume,
    Seen,
    obj,
    read,
    taken,
)
from threadchat.web.private import PrivateLines
from threadchat.web.selfview import SelfView

PING_SECONDS = 25.0
"""After so many seconds without a sign from the page it is asked for one."""

SILENT_SECONDS = 60.0
"""After so many seconds without a sign the WebSocket is given up."""

MAX_WAITING = 64
"""So many lines may have come in while the person's thread waits; further ones are not read."""

_PAUSE_SLICE = 0.5
"""Seconds after which a pause looks at what has come in."""

_POLICY = 1008  # RFC 6455, section 7.4.1


class WebConnection:
    """The connection of one person at a page; see `ClientConnection`.

    The first link is there from the beginning. `Links` says what any thread may call.
    """

    terminal = None

    @property
    def door(self) -> str:
        """By which door the person came."""
        return "browser TLS" if self._is_tls else "browser"

    def __init__(self, person: Person, link: Link, chat: Chat, hello: dict[str, object]) -> None:
        self.person = person
        self._is_tls = isinstance(link.transport, TlsTransport)
        self.started_at = chat.clock()
        self.key = ""
        """The key of the session; "" before the person has a name."""
        self._chat = chat
        self._hello = hello
        self.links = Links(link)
        self._self_view = SelfView(person, self.links)
        self._private = PrivateLines(self.links.send)
        self.deliver = self.links.deliver
        """Send what the room was shown. A page that is away gets it when it comes back."""
        self._handing_over = HandingOver(self.links, self._private)
        self._events: deque[Answer | Line] = deque()  # what has come in and is not served yet
        self._taken = 0  # the number of the last line that was taken in
        self._served = 0  # the number of the last line that was served, or posted to the room
        self._confirmed = 0  # the last of which the page was told
        self._asks = b""  # the question that is open
        self._asks_secret = False
        self._is_time_for: Callable[[str], bool] | None = None
        self._is_time_for_input: Callable[[float], bool] | None = None

    def begin(
        self,
        greet: Callable[[], None],
        is_time_for: Callable[[str], bool] | None = None,
        is_time_for_input: Callable[[float], bool] | None = None,
    ) -> None:
        """Say hello and greet. `is_time_for` is called with each line before it is passed on.

        `is_time_for_input` is called, with the cost in lines, after anything that is no line.
        """
        self._is_time_for = is_time_for
        self._is_time_for_input = is_time_for_input
        self.links.send(obj("hello", **self._hello))
        greet()

    def deliver_privately(self, data: bytes) -> None:
        """Send what is for this person alone."""
        self._private.send(data)

    # What comes in

    def first_resume(self) -> Resume | None:
        """Wait for the first object; return it if it asks to resume another session."""
        while not self._events and not self.links.is_over:
            link = self.links.current
            texts = None if link is None else link.receive(self._chat.clock)
            if link is None or texts is None:
                if link is not None:
                    self.links.lose(link, is_final=True)
                return None
            for number, text in enumerate(texts):
                event = self._read(text)
                if isinstance(event, Resume):
                    return event
                self._take_one(event)
                if self._events:
                    self._take(texts[number + 1 :])
                    return None
            if not self._is_paid(len(texts), link.take_frames()):
                return None
        return None

    def refuse_resume(self) -> None:
        """Tell the page that its session is over. The question for the name is still open."""
        self.links.send(obj("no_session") + self._asks)

    def _read(self, text: str) -> object:
        try:
            return read(text)
        except BadObject as error:
            self._break_off(str(error))
            return None

    def _break_off(self, why: str) -> None:
        link = self.links.current
        if link is not None:
            link.is_final = True
            link.why = f"{Reason.BROKE_PROTOCOL}: {why}"
            link.close(link.why, _POLICY, render(Problem(f"{why}."), JSON_LINES))

    def _take(self, texts: Sequence[str]) -> int:
        """Take `texts` in; return how many of them are no line to be served."""
        return sum(not self._take_one(self._read(text)) for text in texts)

    def _take_one(self, event: object) -> bool:
        """Take an object in; return whether it is a line, which is to be served."""
        match event:
            case Line(number, text):
                if not self.key or number <= self._taken:
                    return False  # a repeat, or a line before there is anybody to say it
                self._taken = number
                if len(text) > MAX_LINE:
                    words = f"A line has at most {MAX_LINE} characters; yours was not sent."
                    self.person.tell(Problem(f"{words} Say it in several."))
                else:
                    self._events.append(event)
                    return True
            case Answer(_, is_secret):
                # A secret that comes late must not become the answer to what is asked by then.
                if self._asks and is_secret == self._asks_secret:
                    self._events.append(event)
            case Seen(private):
                self._handing_over.seen(private)
            case Ping():
                self.links.send(obj("pong"))
            case Leave():
                self.person.quit()
                self.end(Reason.QUIT, "Goodbye.")
        return False

    def _next(self, kind: type[Answer] | type[Line]) -> Answer | Line | None:
        """Wait for the next event of that kind; None if the person is gone instead."""
        while True:
            for event in self._events:
                if isinstance(event, kind):
                    self._events.remove(event)
                    return event
            if not self._receive():
                return None
            if self.key and self._self_view.is_outdated:
                self._self_view.show_changes()

    def _receive(self) -> bool:
        """Wait for more to come in; return False if nothing will."""
        if self.links.is_over:
            return False
        self._handing_over.go_on()
        link = self.links.current
        if link is None:
            offered = self.links.await_another()
            if offered is not None:
                self._go_on_with(*offered)
            return offered is not None
        texts = link.receive(self._chat.clock)
        if texts is None:
            self.links.lose(link, is_final=not self.key)
            if not self.links.is_over:
                who = self.person
                why = self.links.reason_of_loss
                self._note(SeatKept(who.id, who.name, who.address, why))
            return not self.links.is_over
        return self._is_paid(self._take(texts), link.take_frames(), has_lines=bool(texts))

    def _is_paid(self, objects: int, frames: int, *, has_lines: bool = False) -> bool:
        """Wait for as long as input costs that was no line; return False if the person is gone.

        Pings, frames of nothing and numbers that come again make work, too.
        """
        is_time, is_free = self._is_time_for_input, has_lines and not (objects or frames)
        return is_free or is_time is None or is_time(costs.of_input(objects, frames))

    # Going on with another link

    def _go_on_with(self, link: Link, resume: Resume) -> None:
        person, since = self.person, place_at(resume.position) or Place("", 0)
        room = person.room
        if room is None or room.name != resume.room:
            since = Place("", 0)
        # Bans and mutes of addresses, and what an address may have, go by where the person is now.
        person.address, person.reached = link.address, link.reached
        self._chat.moderation.moved(person)

        def begin_anew() -> None:
            with self._private.lock:
                self.links.adopt(link)
                self._self_view.tell_session(self.key, self._taken, is_resumed=True)
                self._private.send_again(resume.private)
            self._self_view.tell_room()

        self._chat.resume(
            person,
            self,
            self.deliver,
            JSON_LINES,
            since,
            self.deliver_privately,
            self.links.deliver_later,
            begin_anew,
        )
        if self._asks:
            self.links.send(self._asks)
        self._self_view.forget_changes()
        self._note(Resumed(person.id, person.name, person.address))

    def _note(self, event: Event) -> None:
        self._chat.observer.note(event)

    def open_session(self, key: str, registry: Registry) -> None:
        """Tell the page that it has a session; from now on the person keeps the seat."""
        self.key = key
        self._asks = b""
        self._self_view.registry = registry
        self._self_view.tell_session(key, self._taken, is_resumed=False)

    # For the session

    def lines(self) -> Iterator[str]:
        """Return an iterator over the lines as they were typed; it ends when the person is gone."""
        while True:
            self._self_view.show_room()
            self._self_view.show_changes()
            event = self._next(Line)
            if not isinstance(event, Line) or self.is_ended():
                return
            if self._is_time_for is not None and not self._is_time_for(event.text):
                return
            yield event.text
            self._served = max(self._served, event.number)
            self._confirm()

    def _confirm(self) -> None:
        """Tell the page which of its lines are served."""
        if self._served > self._confirmed:
            self._confirmed = self._served
            self.links.send(taken(self._served))

    def next_line(self) -> str | None:
        """Wait for the answer to the last question; return None if the person is gone instead."""
        event = self._next(Answer)
        return None if event is None else event.text

    def take_lines(self, most: int, *, receives: bool) -> list[str]:
        """See `ClientConnection.take_lines`."""
        link = self.links.current
        if receives:
            self._confirm()  # what was taken here the last time has been posted
        if not self._events and receives and link is not None:
            self._take(link.receive_now(self._chat.clock()) or ())
        lines: list[str] = []
        while self._events and len(lines) < most:
            event = self._events[0]
            if not isinstance(event, Line):
                break
            self._events.popleft()
            lines.append(event.text)
            self._served = max(self._served, event.number)
        return lines

    def put_back(self, lines: Sequence[str]) -> None:
        """See `ClientConnection.put_back`."""
        self._events.extendleft(Line(0, line) for line in reversed(lines))

    def is_ended(self) -> bool:
        """Whether this server has ended the client. What the client still sends is ignored."""
        return self.links.is_over

    def is_at_end(self) -> bool:
        """Return whether nothing more will come."""
        return self.links.is_over

    def pause(self, seconds: float) -> bool:
        """Wait `seconds`; return False early if the person is ended meanwhile.

        Meanwhile a page that comes back is let in, and its pings are answered.
        """
        deadline = time.monotonic() + seconds
        while not self.links.is_over and (left := deadline - time.monotonic()) > 0:
            self.links.wait_for_change(min(left, _PAUSE_SLICE))
            offered = self.links.take_offer()
            if offered is not None:
                self._go_on_with(*offered)
            link = self.links.current
            is_long = time.monotonic() < deadline  # else what has come in is read soon enough
            if is_long and link is not None and len(self._events) < MAX_WAITING:
                self._take(link.receive_now(self._chat.clock()) or ())
        return not self.links.is_over

    def hand_over(self, portions: Generator[Portion, None, None]) -> None:
        """Let the person have all of `portions`, as fast as the page takes them."""
        self._handing_over.add(portions)
        self._handing_over.go_on()

    def catch_up(self, seconds: float) -> bool:
        """Wait up to `seconds` until the page has taken what was sent; False if it is ended."""
        link = self.links.current
        if link is not None:
            link.send_queue.catch_up(seconds)
        return not self.links.is_over

    def write(self, text: str) -> None:
        """Send `text` as it is, as information."""
        for line in text.splitlines():
            self.links.send(render(Notice(line), JSON_LINES))

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, then the `question`; `next_line` has the answer."""
        self.write(lines)
        self._ask("name", question)

    def _ask(self, what: str, question: str) -> None:
        self._asks_secret = what != "name"
        self._asks = obj("ask", what=what, question=question.strip())
        self.links.send(self._asks)

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead."""
        self.begin_secret(question)
        return self.next_secret()

    def begin_secret(self, question: str) -> None:
        """Ask for a password, but do not wait for it."""
        self._ask("secret" if self.key else "password", question)

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; return None if the person is gone instead."""
        secret = self.next_line()
        self._asks = b""
        return secret

    def keep(self, typed: str) -> None:
        """Nothing: what is typed is the page's own."""

    def set_prompt(self, prompt: str) -> None:
        """Nothing: a page shows the room in its own way."""

    # The end

    def look_at_peer(self) -> PeerState | None:
        """Return what the system knows of the page's end; None while there is no link."""
        link = self.links.current
        return None if link is None else link.send_queue.look_at_peer()

    def look(self, now: float) -> None:
        """Ask for a sign, or give the link up. The server's round calls this."""
        link = self.links.current
        if link is None or self.links.is_over:  # what is ended is being told why
            return
        silent = now - link.heard_at
        if silent >= SILENT_SECONDS:
            link.send_queue.abandon(Reason.TIMED_OUT)
        elif silent >= PING_SECONDS and now - link.sent_at >= PING_SECONDS:
            link.ping(now)

    @property
    def is_behind(self) -> bool:
        """Whether output waits at this moment for the client to take it."""
        link = self.links.current
        return link is not None and link.send_queue.is_behind

    @property
    def bytes_queued(self) -> int:
        """How many bytes wait for the client to take them."""
        link = self.links.current
        return 0 if link is None else link.send_queue.bytes_queued

    @property
    def bytes_received(self) -> int:
        """How many bytes have come in, over all links."""
        return self.links.bytes_received

    @property
    def bytes_sent(self) -> int:
        """How many bytes the client's system has taken, over all links."""
        return self.links.bytes_sent

    @property
    def reason(self) -> str:
        """Why it ended, for good."""
        return self.links.reason

    def end(self, reason: str, words: str) -> None:
        """End this client for good, from any thread, telling it why in `words`."""
        self.links.end(reason, words)

    def abandon(self, reason: str) -> None:
        """End the client, or, if it only reads too slowly, its link; what is queued is dropped."""
        self.links.abandon(reason)

    def close(self) -> None:
        """Send what is queued and close what is open. For the client's own thread, at its end."""
        self._handing_over.close()
        self.links.close()
        self.person.connection = None
