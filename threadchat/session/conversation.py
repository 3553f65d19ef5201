"""Take one person's lines, and do what each asks for: say it, or run the command that it calls.

A line's way through a session is here: clean it, tell messages from commands, then pass a message
to the person's room, or a command to the registry.
"""

import time
from collections.abc import Sequence
from functools import lru_cache

from threadchat.chat.chat import Chat
from threadchat.commands.registry import BEGINS_WORDS, Call, Registry, parse_line
from threadchat.messages.kinds import Problem, Say, Spoken
from threadchat.monitoring.events import Named
from threadchat.session.floodcontrol import FloodControl
from threadchat.session.interfaces import ClientConnection
from threadchat.text.clean import clean_line

MAX_SAID_AT_ONCE = 16
"""The most lines of one client that are posted to its room at once, besides the first."""

CATCH_UP_SECONDS = 5.0
"""How many seconds a command waits at most for its client to take what was sent before."""

_NO_CALL = (
    "Nobody was shown that: it looks like a command, but does not begin with a slash. Begin with"
    " /{0} to run it, with //{0} to say it."
)


class Conversation:
    """The conversation with a person who has a name, until they leave.

    For the client's own thread, with one exception: the delivering thread calls `_more` while the
    client's thread waits in `Room.post`. `flood` is the burst and the rate of flood control, in
    lines and in lines a second; None switches it off.
    """

    __slots__ = ("_chat", "_connection", "_flood_control", "_person", "_prompt", "_registry")

    def __init__(
        self,
        chat: Chat,
        registry: Registry,
        connection: ClientConnection,
        flood: tuple[float, float] | None,
    ) -> None:
        self._chat = chat
        self._registry = registry
        self._connection = connection
        self._person = connection.person
        self._flood_control = FloodControl(*flood, chat.clock, connection) if flood else None
        self._prompt = ""

    def enter(self) -> None:
        """Let the person into the lobby. They must have a name by now."""
        self._set_prompt(self._chat.lobby.name)
        self._chat.enter(self._person)

    def go_on(self) -> None:
        """Serve the person's lines until they leave or are gone."""
        person = self._person
        for line in self._connection.lines():
            self._serve(line)
            if person.leaving is not None:
                return

    def is_time_for(self, line: str) -> bool:
        """Wait until flood control lets `line` pass; return False if the client is gone instead."""
        if self._flood_control is None:
            return True
        call = parse_line(line)
        command = self._registry.get(call.command) if isinstance(call, Call) else None
        return self._flood_control.wait_for(line, 1.0 if command is None else command.cost)

    def is_time_for_input(self, cost: float) -> bool:
        """Wait until it is time for more, after input that was no line and counts as `cost` lines.

        Return False if the client is gone instead.
        """
        return self._flood_control is None or self._flood_control.wait_for_input(cost)

    def _serve(self, line: str) -> None:
        """Say `line`, or run the command that it calls."""
        text = clean_line(line)
        if not text:  # a client could send that for ever by itself, so it is no sign of a person
            return
        self._person.last_heard_at = self._chat.clock()
        parsed = parse_line(text)
        if isinstance(parsed, Call):
            self._call(parsed, text)
        elif (
            text[0] not in BEGINS_WORDS and (missed := self._registry.missed_call(text)) is not None
        ):
            self._refuse(missed, text)
        else:
            self._say(parsed)

    def _refuse(self, missed: str, typed: str) -> None:
        """Say nothing, as `typed` may be for one person: it nearly calls the command `missed`."""
        self._connection.keep(self._prompt + typed)
        self._person.tell(Problem(_NO_CALL.format(missed)))

    def _set_prompt(self, room: str) -> None:
        self._prompt = _prompt_in(room)
        self._connection.set_prompt(self._prompt)

    # Words

    def _say(self, words: str) -> None:
        said, more = [words], None
        if self._flood_control is None:  # flood control must see each line, on this thread
            said += self._words_behind(receives=False)
            more = self._more
        self._chat.say(self._person, self._messages(said), more)

    def _more(self) -> Sequence[Spoken]:
        """Return the messages that have come in since. Called while `Room.post` waits."""
        connection, person, now = self._connection, self._person, self._chat.clock()
        if connection.is_ended() or person.muted_until > now:
            return ()
        words = self._words_behind(receives=True)
        if not words:
            return ()
        person.last_heard_at = now
        said = self._messages(words)
        person.last_said = said[-1]
        return said

    def _words_behind(self, *, receives: bool) -> list[str]:
        """Take the messages that came in right behind a line, so that all are posted at once."""
        said: list[str] = []
        lines = self._connection.take_lines(MAX_SAID_AT_ONCE, receives=receives)
        for line in lines:
            text = clean_line(line)
            if text[:1] not in BEGINS_WORDS and (
                text.startswith("/") or self._registry.missed_call(text) is not None
            ):
                self._connection.put_back(lines[len(said) :])
                break
            said.append(text)
        return [text for text in said if text] if "" in said else said

    def _messages(self, words: Sequence[str]) -> Sequence[Spoken]:
        name, now = self._person.name, time.time()
        return [Say(name, text, now) for text in words]

    # Commands

    def _call(self, call: Call, typed: str) -> None:
        command = self._registry.get(call.command)
        if command is None or not command.is_speech:
            self._connection.keep(self._prompt + typed)
        # A client that reads all the time must not be too slow by asking for much.
        if self._connection.is_behind and not self._connection.catch_up(CATCH_UP_SECONDS):
            return
        person = self._person
        name, room = person.name, person.room
        self._registry.dispatch(self._chat, person, call)
        if person.room is not None and person.room is not room:
            self._set_prompt(person.room.name)
        if person.name != name:
            self._chat.observer.note(Named(person.id, person.name, name))


@lru_cache(maxsize=64)
def _prompt_in(room: str) -> str:
    """Return the prompt of a person in `room`: as a rule one object for all that are there."""
    return f"{room}> "
