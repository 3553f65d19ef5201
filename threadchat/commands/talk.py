"""The commands that say something, or look up what was said."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.people import entry_of, somebody
from threadchat.commands.registry import Misuse, Registry
from threadchat.messages.answers import LastAnswer, SearchAnswer, line_of_found
from threadchat.messages.kinds import Emote, Notice, Problem, Spoken

Item = TypeVar("Item")

registry = Registry("talk")
"""The commands that say something, or look up what was said."""

DEFAULT_LAST = 20
MAX_LAST = 200
"""How many messages `/last` shows by default, and at most."""

MAX_FOUND = 20
"""The most messages that `/search` shows."""

MAX_RECALLED = 32 * 1024
"""The most characters in an answer of `/last` or `/search`. It has to fit into a send queue."""


@registry.command(
    "me", "TEXT", "say what you do, as in * al waves", takes_rest=True, is_speech=True
)
def me(chat: Chat, person: Person, argument: str) -> None:
    """Say what the person does."""
    chat.say(person, [Emote(person.name, argument, time.time())])


@registry.command(
    "msg", "NAME WORDS", "say something to one person alone", takes_rest=True, is_speech=True
)
def msg(chat: Chat, person: Person, argument: str) -> None:
    """Say something to one person."""
    name, _, words = argument.partition(" ")
    whisper(chat, person, name.rstrip(":,"), words.strip())


@registry.command(
    "reply",
    "WORDS",
    "answer the person who last wrote to you alone",
    takes_rest=True,
    is_speech=True,
    aliases=("r",),
)
def reply(chat: Chat, person: Person, argument: str) -> None:
    """Say something to the person that last sent a private message."""
    if not person.answers_to:
        person.tell(Problem("Nobody has written to you alone yet. /msg NAME WORDS does so."))
        return
    whisper(chat, person, person.answers_to, argument)


def whisper(chat: Chat, person: Person, name: str, words: str) -> None:
    """Say `words` from `person` to the person called `name` alone, or tell `person` why not."""
    if not chat.may_speak(person) or chat.mail.keep(person, name, words):
        return
    recipient = somebody(chat, person, name)
    if recipient is person:
        person.tell(Problem("That is you. /msg NAME WORDS is for somebody else."))
    elif recipient is not None:
        chat.whisper(person, recipient, words)
        if recipient.away is not None:
            person.tell(Notice(f"{entry_of(recipient, chat.clock()).text} will see it when back."))


@registry.command("last", "[N]", "show the last 20 things said here, or up to 200", cost=2)
def last(chat: Chat, person: Person, argument: str) -> None:
    """Show the last messages of the person's room."""
    number = _number(argument, MAX_LAST) if argument else DEFAULT_LAST
    if person.room is None:
        return
    said = _heard_by(person, chat.recent(person.room, number))
    shown = _fitting(said[::-1], lambda message: message.line)[::-1]
    person.tell(LastAnswer(person.room.name, shown, len(shown) < len(said)))


def _heard_by(person: Person, said: Iterable[Spoken]) -> list[Spoken]:
    """Return `said` without the messages under the names of people that `person` ignores."""
    ignored = {other.name for other in person.ignores}
    return [message for message in said if message.name not in ignored]


def _number(argument: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", argument) or not 1 <= int(argument) <= most:
        raise Misuse
    return int(argument)


def _fitting(items: Sequence[Item], line_of: Callable[[Item], str]) -> Sequence[Item]:
    """Return the first of `items`, as many as fit into an answer as lines."""
    characters = 0
    for number, item in enumerate(items):
        characters += len(line_of(item))
        if characters > MAX_RECALLED:
            return items[:number]
    return items


@registry.command(
    "search",
    "WORDS",
    "find what was said with all these words, newest first",
    takes_rest=True,
    cost=4,
)
def search(chat: Chat, person: Person, argument: str) -> None:
    """Find messages in all rooms."""
    found = [
        (hit.room, hit.message)
        for hit in chat.search(argument, MAX_FOUND)
        if _heard_by(person, [hit.message])
    ]
    person.tell(SearchAnswer(_fitting(found, line_of_found)))
