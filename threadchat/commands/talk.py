"""The commands that say something, or look up what was said."""

import contextlib
import re
import time
from collections.abc import Sequence

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.identity import not_said_by
from threadchat.chat.person import Correspondent, Person
from threadchat.chat.room import Room
from threadchat.commands.people import entry_of, somebody
from threadchat.commands.registry import Misuse, Registry
from threadchat.messages.answers import LastAnswer, SearchAnswer
from threadchat.messages.kinds import Emote, Notice, Problem, Spoken
from threadchat.messages.places import Place
from threadchat.storage.history import MAX_REMEMBERED
from threadchat.storage.searching import Found, SearchStopped
from threadchat.text.names import fold_name

registry = Registry("talk")
"""The commands that say something, or look up what was said."""

DEFAULT_LAST = 20
MAX_LAST = 200
"""How many messages `/last` shows by default, and at most."""

_OUT_OF_REACH = "There is no link to the server of {} now. That is handed over when there is one."

MAX_FOUND = 20
"""The most messages that `/search` shows."""

MAX_UNSAY_SECONDS = 600.0
"""How long people can take back what they said themselves."""

_NUMBER = re.compile("#[0-9]{1,18}")


@registry.command(
    "me",
    "TEXT",
    "say what you do, as in * al waves",
    takes_rest=True,
    is_speech=True,
    is_aloud=True,
    aliases=("action", "emote", "em"),
)
def me(chat: Chat, person: Person, argument: str) -> None:
    """Say what the person does."""
    chat.say(person, [Emote(person.name, argument, time.time())])


@registry.command(
    "msg",
    "NAME WORDS",
    "say something to one person alone",
    takes_rest=True,
    is_speech=True,
    aliases=("pm", "dm", "m", "w", "t", "tell", "whisper", "query", "message", "privmsg", "notice"),
)
def msg(chat: Chat, person: Person, argument: str) -> None:
    """Say something to one person."""
    name, _, words = argument.partition(" ")
    whisper(chat, person, name.removeprefix("@").rstrip(":,"), words.strip())


@registry.command(
    "reply",
    "WORDS",
    "answer the person who last wrote to you alone",
    takes_rest=True,
    is_speech=True,
    aliases=("r",),
)
def reply(chat: Chat, person: Person, argument: str) -> None:
    """Say something to the person that last sent a private message, whatever their name is now."""
    to = person.answers_to
    if to is None:
        person.tell(Problem("Nobody has written to you alone yet. /msg NAME WORDS does so."))
    else:
        answer(chat, person, to, argument)


def _is_kept(chat: Chat, person: Person, to: Correspondent, words: str) -> bool:
    """Keep `words` for somebody that is not here; return False if they have no protected name."""
    owned = chat.names.records_of(to.identity) if to.identity else []
    return any(chat.mail.keep(person, protected.name, words) for protected in owned)


def _why_no_reply(chat: Chat, to: Correspondent) -> str:
    """Return why a reply goes to nobody: it must not go to somebody else that has the name now."""
    if to.identity is None:
        return (
            f"{to.name} wrote that before the server was last started, so nobody knows who that"
            f" was. /msg {to.name} WORDS writes to the person that has the name."
        )
    if chat.names.is_here(to.name):
        return (
            f"The {to.name} that wrote to you is gone, and somebody else is called that now."
            f" /msg {to.name} WORDS writes to that one."
        )
    return f"{to.name}, who wrote to you, is not here any more. /who lists everyone."


def whisper(chat: Chat, person: Person, name: str, words: str) -> None:
    """Say `words` from `person` to the person called `name` alone, or tell `person` why not."""
    if not chat.may_speak(person) or chat.mail.keep(person, name, words):
        return
    recipient = somebody(chat, person, name)
    if recipient is not None:
        _whisper(chat, person, recipient, words)


def answer(chat: Chat, person: Person, to: Correspondent, words: str) -> None:
    """Say `words` to somebody that has written, under any name, or tell `person` why not."""
    if chat.may_speak(person):
        recipient = to.identity and chat.names.find_again(to.identity, to.name)
        if recipient:
            _whisper(chat, person, recipient, words)
        elif not _is_kept(chat, person, to, words):
            person.tell(Problem(_why_no_reply(chat, to)))


def _whisper(chat: Chat, person: Person, recipient: Person, words: str) -> None:
    if recipient is person:
        person.tell(Problem("That is you. /msg NAME WORDS is for somebody else."))
        return
    if recipient.is_hook:
        person.tell(Problem(f"{recipient.name} is a hook: programs speak by it, nobody listens."))
        return
    chat.whisper(person, recipient, words)
    if recipient.is_out_of_reach:
        person.tell(Notice(_OUT_OF_REACH.format(recipient.name)))
    if recipient.why_unread:
        person.tell(Notice(recipient.why_unread))
    if recipient.away is not None:
        entry = entry_of(recipient, chat.clock())
        left = f": {entry.away}" if entry.away else "."
        person.tell(Notice(f"{entry.text} will see it when back{left}"))


@registry.command(
    "last",
    "[N]",
    "show the last 20 things said here, or up to 200",
    aliases=("history", "backlog"),
    cost=2,
)
def last(chat: Chat, person: Person, argument: str) -> None:
    """Show the last messages of the person's room."""
    number = _number(argument, MAX_LAST) if argument else DEFAULT_LAST
    if person.room is None:
        return
    # Of what ignored people said, others take the place.
    of_all = chat.recent(person.room, MAX_REMEMBERED if person.ignores else number)
    said = not_said_by(person.ignores, of_all)[-number:]
    if of_all and not said:
        person.tell(Notice(f"All that is remembered of {person.room.name} is of those you ignore."))
        return
    room, apart = person.room.name, chat.apart(person.room.name, said)
    person.tell(LastAnswer(room, said, has_places=person.is_operator, apart=apart))


def _number(argument: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", argument) or not 1 <= int(argument) <= most:
        raise Misuse
    return int(argument)


@registry.command(
    "unsay",
    "[NAME|#N]",
    "take your last line back; operators anybody's",
    aliases=("undo", "unsend", "delete"),
    cost=4,
)
def unsay(chat: Chat, person: Person, argument: str) -> None:
    """Take back the person's own last line, or for an operator any line."""
    if not argument:
        _take_back_own(person)
    elif not person.is_operator:
        person.tell(Problem("Only operators take back the lines of others. /unsay takes your own."))
    elif not chat.may_act(person):
        return
    elif _NUMBER.fullmatch(argument):
        if person.room is None:
            person.tell(Problem("Numbers count within a room, and you are in none. Give a name."))
        else:
            place = Place(chat.last_place(person.room.name).epoch, int(argument[1:]))
            _take_back(chat, person, person.room, place)
    else:
        room = person.room or _room_of(chat, person, argument)
        if room is not None:
            wanted = fold_name(argument)
            said = reversed(chat.recent(room, MAX_REMEMBERED))
            line = next((it for it in said if fold_name(it.name) == wanted), None)
            if line is None:
                person.tell(Problem(f"No line of {argument[:20]} is remembered in {room.name}."))
            else:
                _take_back(chat, person, room, line)


def _take_back_own(person: Person) -> None:
    line = person.last_said
    is_recent = line is not None and time.time() - line.at <= MAX_UNSAY_SECONDS
    if line is None or not is_recent or person.room is None:
        person.tell(Problem("You have said nothing here in the last ten minutes to take back."))
        return
    if person.room.take_back(line) is None:
        person.tell(Problem("That line is not remembered any more."))
    person.last_said = None


def _take_back(chat: Chat, operator: Person, room: Room, line: Spoken | Place) -> None:
    taken_back = room.take_back(line)
    if taken_back is None:
        operator.tell(Problem("There is no such line, or it is not remembered any more."))
        return
    deed = f"took back line #{taken_back.seq} of {taken_back.name} in {room.name}"
    chat.log_act(operator, deed)
    if operator.room is not room:
        operator.tell(Notice(f"You {deed}."))


def _room_of(chat: Chat, person: Person, name: str) -> Room | None:
    """Return the room where the person called `name` is; None, and `person` is told, if nowhere."""
    other = somebody(chat, person, name)
    if isinstance(other, FarPerson) and chat.has_room(other.facts.room):
        with contextlib.suppress(KeyError):
            return chat.room(other.facts.room)
    return None if other is None else other.room


@registry.command(
    "search",
    "WORDS",
    "find what was said with all these words, newest first",
    takes_rest=True,
    aliases=("find", "grep"),
    cost=4,
)
def search(chat: Chat, person: Person, argument: str) -> None:
    """Find messages in all rooms."""
    try:
        hits = chat.search(person, argument, MAX_LAST if person.ignores else MAX_FOUND)
    except SearchStopped as error:
        if error.found:
            _show_found(chat, person, error.found)
        raise
    _show_found(chat, person, hits)


def _show_found(chat: Chat, person: Person, hits: Sequence[Found]) -> None:
    hits = [hit for hit in hits if not_said_by(person.ignores, [hit.message])][:MAX_FOUND]
    found = [(hit.room, hit.message) for hit in hits]
    apart = [it for hit in hits for it in chat.apart(hit.room, [hit.message]) or [None]]
    person.tell(SearchAnswer(found, apart=apart))
