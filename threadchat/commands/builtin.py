"""Hold the slash commands: each acts on the chat for a person, and answers with `Person.tell`."""

import re
import time
from collections.abc import Iterable

from threadchat.chat import passwords as protecting
from threadchat.chat.batch import Member
from threadchat.chat.chat import Chat, NameProtected
from threadchat.chat.person import Person
from threadchat.chat.room import Room
from threadchat.commands.registry import Command, Misuse, Registry
from threadchat.messages.kinds import Emote, Message, Notice, Problem, Remark, Spoken
from threadchat.text.names import BadName
from threadchat.text.phrases import count_people, duration, minute

MAX_NAMES_IN_WHO = 1000
"""The most names `/who` lists: its answer has to fit a client's queue."""

DEFAULT_LAST = 20
MAX_LAST = 200
"""How many messages `/last` shows, unless told otherwise, and at most."""

MAX_FOUND = 20
"""How many messages `/search` shows."""

MAX_RECALLED = 32 * 1024
"""The most characters that `/last` or `/search` answers: they have to fit a client's queue."""

MAX_TOPIC = 200
MAX_AWAY = 100
"""Characters kept of a topic, and of the words somebody leaves while away."""

MIN_IDLE = 60.0
"""Seconds of silence from which `/who` speaks of them."""

_TEST_LETTERS = "ä é ñ ß € Ж 漢"

registry = Registry()
"""The commands of a threadchat."""


@registry.command("help", "[COMMAND]", "list the commands, or tell more of one")
def help_(chat: Chat, person: Person, argument: str) -> None:
    """List the commands, or describe one."""
    if argument:
        command = registry.find(person, argument.removeprefix("/").lower())
        if command is not None:
            person.tell(*map(Notice, details(command)))
        return
    person.tell(
        Notice("Type a line and press Enter to say it to everyone. Commands begin with /:"),
        *_listed(command for command in registry if not command.is_for_operators),
        Notice("//WORDS says something that begins with /. /help COMMAND tells more of one."),
    )
    if person.is_operator:
        operators = _listed(command for command in registry if command.is_for_operators)
        person.tell(Notice("For operators:"), *operators)


def _listed(commands: Iterable[Command]) -> list[Notice]:
    rows = [(command.usage, command.summary) for command in commands]
    width = max(len(usage) for usage, _ in rows)
    return [Notice(f"  {usage:<{width}}  {summary}") for usage, summary in rows]


def details(command: Command) -> list[str]:
    """Return the lines that tell all about a command."""
    lines = [f"{command.usage} - {command.summary}."]
    if others := registry.aliases_of(command):
        lines.append(f"  Also: {', '.join(f'/{other}' for other in others)}")
    if command.example:
        lines.append(f"  Example: {command.example}")
    if command.is_for_operators:
        lines.append("  For operators.")
    return lines


@registry.command("who", "[ROOM]", "list who is here, or in another room")
def who(chat: Chat, person: Person, argument: str) -> None:
    """List who is in a room, with who is away or has been silent."""
    room = room_called(chat, person, argument) if argument else person.room
    if room is None:
        return
    now = chat.clock()
    people = room.members
    listed = ", ".join(_described(member, now) for member in people[:MAX_NAMES_IN_WHO])
    if len(people) > MAX_NAMES_IN_WHO:
        listed += f" and {len(people) - MAX_NAMES_IN_WHO} others"
    where = "here" if room is person.room else f"in {room.name}"
    person.tell(Notice(f"{count_people(len(people), where)}{': ' if listed else ''}{listed}."))


def room_called(chat: Chat, person: Person, name: str) -> Room | None:
    """Return the room called `name`; None if the person was told that there is none."""
    try:
        return chat.room(name.removeprefix("#"))
    except KeyError:
        person.tell(Problem(f"There is no room {name[:20]}. /rooms lists all."))
        return None


def _described(member: Member, now: float) -> str:
    notes = notes_on(member, now) if isinstance(member, Person) else []
    return f"{member.name} ({', '.join(notes)})" if notes else member.name


def notes_on(person: Person, now: float) -> list[str]:
    """Return what others should know before they expect an answer."""
    notes = []
    if person.away is not None:
        notes.append(f"away: {person.away}" if person.away else "away")
    if now - person.last_heard_at >= MIN_IDLE:
        notes.append(f"idle {duration(now - person.last_heard_at)}")
    return notes


@registry.command("whois", "NAME", "tell what is known of somebody")
def whois(chat: Chat, person: Person, argument: str) -> None:
    """Tell what is known of somebody."""
    other = somebody(chat, person, argument)
    if other is not None:
        now = chat.clock()
        about = f"here for {duration(now - other.joined_at)}, number {other.id}"
        person.tell(Notice(f"{_described(other, now)} is {other.whereabouts}, {about}."))


def somebody(chat: Chat, person: Person, name: str) -> Person | None:
    """Return who is called `name`; None if the person was told that nobody is."""
    if not name:
        raise Misuse
    try:
        return chat.find(name)
    except KeyError:
        person.tell(Problem(f"Nobody here is called {name[:20]}. /who lists everyone."))
        return None


@registry.command("nick", "NAME", "change your name")
def nick(chat: Chat, person: Person, argument: str) -> None:
    """Change the person's name."""
    if not argument:
        raise Misuse
    if argument == person.name:
        person.tell(Notice(f"You are {person.name} already."))
        return
    if not chat.may_speak(person):
        return
    try:
        try:
            chat.rename(person, argument)
        except NameProtected as error:
            if not protecting.prove(chat, person, error.protected):
                return
            chat.rename(person, argument, proven=error.protected)
    except BadName as error:
        person.tell(Problem(f"{error} You are still {person.name}."))
    else:
        person.tell(Notice(f"You are now {person.name}."))
        protecting.hand_over(chat, person)


@registry.command("me", "TEXT", "say what you do, as in * al waves", is_speech=True)
def me(chat: Chat, person: Person, argument: str) -> None:
    """Say what the person does."""
    if not argument:
        raise Misuse
    chat.say(person, [Emote(person.name, argument, time.time())])


@registry.command("msg", "NAME WORDS", "say something to one person alone", is_speech=True)
def msg(chat: Chat, person: Person, argument: str) -> None:
    """Say something to one person."""
    name, _, words = argument.partition(" ")
    if not words.strip():
        raise Misuse
    _whisper(chat, person, name.rstrip(":,"), words.strip())


@registry.command("reply", "WORDS", "answer who last wrote to you alone", is_speech=True)
def reply(chat: Chat, person: Person, argument: str) -> None:
    """Say something to who last wrote in private."""
    if not argument:
        raise Misuse
    if not person.answers_to:
        person.tell(Problem("Nobody has written to you alone yet. /msg NAME WORDS does so."))
        return
    _whisper(chat, person, person.answers_to, argument)


registry.alias("r", "reply")


def _whisper(chat: Chat, person: Person, name: str, words: str) -> None:
    if not chat.may_speak(person) or protecting.keep_letter(chat, person, name, words):
        return
    recipient = somebody(chat, person, name)
    if recipient is person:
        person.tell(Problem("That is you. /msg NAME WORDS is for somebody else."))
    elif recipient is not None:
        chat.whisper(person, recipient, words)
        if recipient.away is not None:
            person.tell(Notice(f"{_described(recipient, chat.clock())} will see it when back."))


@registry.command("protect", "", "keep your name for who knows a passphrase you choose", weight=4)
def protect(chat: Chat, person: Person, argument: str) -> None:
    """Keep the person's name for them."""
    if argument:
        person.tell(Problem("Type /protect alone: the passphrase is asked for, unseen."))
    else:
        protecting.protect(chat, person)


@registry.command("unprotect", "", "let anybody have your name again")
def unprotect(chat: Chat, person: Person, argument: str) -> None:
    """Keep the person's name no longer."""
    if argument:
        raise Misuse
    protecting.unprotect(chat, person)


@registry.command("join", "ROOM", "go to another room, or open one")
def join(chat: Chat, person: Person, argument: str) -> None:
    """Go to a room."""
    if not argument:
        raise Misuse
    # The name of a new room is shown to everybody, too.
    if not chat.has_room(argument.removeprefix("#")) and not chat.may_speak(person):
        return
    try:
        chat.move(person, argument)
    except BadName as error:
        person.tell(Problem(str(error)))


@registry.command("leave", "", "go back to the lobby")
def leave(chat: Chat, person: Person, argument: str) -> None:
    """Go back to the lobby."""
    if argument:
        raise Misuse
    if person.room is chat.lobby:
        person.tell(Problem("You are in the lobby. /quit leaves the chat."))
    else:
        chat.move(person, chat.lobby.name)


@registry.command("rooms", "", "list the rooms, with who is there and the topic")
def rooms(chat: Chat, person: Person, argument: str) -> None:
    """List the rooms."""
    if argument:
        raise Misuse
    known = chat.rooms()
    width = max(len(room.name) for room in known)
    for room in known:
        here = "  <- you are here" if room is person.room else ""
        people = f"{len(room.members):>5}"
        topic = f"  {room.topic}" if room.topic else ""
        person.tell(Notice(f"{room.name:<{width}}{people}{topic}{here}"))


@registry.command("topic", "[WORDS]", "say what this room is about, or read it")
def topic(chat: Chat, person: Person, argument: str) -> None:
    """Set the topic of the person's room, or show it."""
    room = person.room
    if room is None:
        return
    if argument and not chat.may_speak(person):
        return
    if argument:
        room.topic = argument[:MAX_TOPIC]
        chat.announce(person, Remark(f"{person.name} set the topic: {room.topic}"))
    person.tell(Notice(f"Topic: {room.topic}" if room.topic else "This room has no topic."))


@registry.command("away", "[WORDS]", "say that you are away, until you speak again")
def away(chat: Chat, person: Person, argument: str) -> None:
    """Mark the person as away."""
    if argument and not chat.may_speak(person):
        return
    chat.set_away(person, argument[:MAX_AWAY])
    person.tell(Notice("You are away. When you speak, you are back."))


@registry.command("ignore", "NAME", "be shown no more of what somebody says")
def ignore(chat: Chat, person: Person, argument: str) -> None:
    """Hide what somebody says."""
    other = somebody(chat, person, argument)
    if other is person:
        person.tell(Problem("That is you. Nobody can be kept from hearing themselves."))
    elif other is not None:
        person.ignores |= {other}
        person.tell(Notice(f"You are shown nothing more of {other.name}. /unignore undoes it."))


@registry.command("unignore", "NAME", "be shown again what somebody says")
def unignore(chat: Chat, person: Person, argument: str) -> None:
    """Show again what somebody says."""
    other = somebody(chat, person, argument)
    if other is not None and other not in person.ignores:
        person.tell(Problem(f"You do not ignore {other.name}."))
    elif other is not None:
        person.ignores -= {other}
        person.tell(Notice(f"You are shown what {other.name} says again."))


@registry.command("last", "[N]", "show the last 20 things said here, or up to 200", weight=2)
def last(chat: Chat, person: Person, argument: str) -> None:
    """Show the last messages of the person's room."""
    number = _number(argument, MAX_LAST) if argument else DEFAULT_LAST
    if person.room is None:
        return
    said = _heard_by(person, chat.recent(person.room, number))
    shown = _fitting(reversed(said))[::-1]
    if not shown:
        person.tell(Notice(f"Nothing was said in {person.room.name} yet."))
        return
    shortened = f", as no more than {len(shown)} fit" if len(shown) < len(said) else ""
    begin = Notice(f"The last {len(shown)} of what was said in {person.room.name}{shortened}:")
    person.tell(begin, *shown, Notice("That was it. From here on it is live."))


def _heard_by(person: Person, said: Iterable[Spoken]) -> list[Spoken]:
    """Leave out what was said under the names of those whom `person` ignores."""
    ignored = {other.name for other in person.ignores}
    return [message for message in said if message.name not in ignored]


def _number(argument: str, most: int) -> int:
    if not re.fullmatch("[0-9]{1,9}", argument) or not 1 <= int(argument) <= most:
        raise Misuse
    return int(argument)


def _fitting(messages: Iterable[Message]) -> list[Message]:
    """Return as many of the first `messages` as an answer may hold."""
    fitting: list[Message] = []
    characters = 0
    for message in messages:
        characters += len(message.line)
        if characters > MAX_RECALLED:
            break
        fitting.append(message)
    return fitting


@registry.command(
    "search", "WORDS", "find what was said with all these words, newest first", weight=4
)
def search(chat: Chat, person: Person, argument: str) -> None:
    """Find messages in all rooms."""
    if not argument:
        raise Misuse
    lines = [
        Notice(f"{minute(hit.message.at)} {hit.room} {hit.message.line}")
        for hit in chat.search(argument, MAX_FOUND)
        if _heard_by(person, [hit.message])
    ]
    person.tell(*_fitting(lines or [Notice("Nothing that was said has all of these words.")]))


@registry.command("charset", "NAME", "say how your client writes letters, as in /charset cp850")
def charset(chat: Chat, person: Person, argument: str) -> None:
    """Set the encoding of the person's client, and show a line to judge it by."""
    if not argument or person.door is None:
        raise Misuse
    try:
        encoding = person.door.set_charset(argument)
    except LookupError:
        person.tell(
            Problem(f"{argument[:20]} is not known here. Try utf-8, cp1252, cp850 or latin-1.")
        )
    else:
        person.tell(Notice(f"Your charset is {encoding} now. A test: {_TEST_LETTERS}"))


@registry.command("charmode", "on|off", "have your line kept whole while others talk")
def charmode(chat: Chat, person: Person, argument: str) -> None:
    """Ask the person's client for character mode, or for line mode."""
    wanted = _switch(argument)
    if person.door is None:
        raise Misuse
    if wanted and person.hears_itself:
        person.tell(Notice("You have it already."))
    elif wanted:
        person.tell(Notice("Asking your client. If nothing changes, it cannot do it."))
    person.door.set_character_mode(wanted)
    if not wanted:
        person.tell(Notice("Your client edits its own lines."))


@registry.command("color", "on|off", "show names in colours")
def color(chat: Chat, person: Person, argument: str) -> None:
    """Switch colours."""
    person.wish(color=_switch(argument))
    person.tell(Notice(f"Colours are {argument.lower()}."))


@registry.command("time", "on|off", "show the time before each line")
def time_(chat: Chat, person: Person, argument: str) -> None:
    """Switch times."""
    person.wish(times=_switch(argument))
    person.tell(Notice(f"Times are {argument.lower()}."))


@registry.command("bell", "on|off", "ring when somebody says your name")
def bell(chat: Chat, person: Person, argument: str) -> None:
    """Switch the bell."""
    person.wish(bell=_switch(argument))
    person.tell(Notice(f"The bell is {argument.lower()}."))


@registry.command("quit", "[WORDS]", "leave, with a last word if you like")
def quit_(chat: Chat, person: Person, argument: str) -> None:
    """Let the person go."""
    # Who is muted goes without words: those who stay would be shown them.
    person.quit(argument if argument and chat.may_speak(person) else "")


def _switch(argument: str) -> bool:
    match argument.lower():
        case "on":
            return True
        case "off":
            return False
    raise Misuse


def complete(chat: Chat, text: str) -> tuple[int, list[str]]:
    """Return where the last word of `text` begins, and the names or commands it may become."""
    if text.startswith("/") and " " not in text:
        known = (f"/{command.name} " for command in registry)
        return 0, [name for name in known if name.startswith(text.lower())]
    start = text.rfind(" ") + 1
    word = text[start:].casefold()
    ending = " " if start else ": "
    names = sorted(member.name for member in chat.people())
    return start, [name + ending for name in names if word and name.casefold().startswith(word)]
