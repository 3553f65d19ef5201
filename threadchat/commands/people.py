"""The commands about people: lists of people, names, absence, ignoring."""

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.interfaces import Member
from threadchat.chat.names import NameBanned, NameProtected
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.commands.rooms import open_room_called
from threadchat.messages.answers import PersonEntry, WhoAnswer, WhoisAnswer
from threadchat.messages.kinds import Notice, Problem
from threadchat.text.names import BadName

registry = Registry("people")
"""The commands about people."""

MAX_NAMES_IN_WHO = 1000
"""The most names that `/who` lists. Its answer has to fit into a client's send queue."""

MAX_AWAY = 100
"""The most characters kept of the words given to `/away`."""

MIN_IDLE = 60.0
"""Seconds of silence after which `/who` shows a person as idle."""


@registry.command(
    "who", "[ROOM]", "list the people here, or in another room", aliases=("names", "users")
)
def who(chat: Chat, person: Person, argument: str) -> None:
    """List the people in a room, and say which of them are away or idle."""
    here = person.room
    if argument:
        room = open_room_called(chat, person, argument)
        if room is None:
            return
        name, people = room.name, chat.open_rooms.people_in(room)
    elif here is not None:
        name, people = here.name, here.people
    else:
        return
    now = chat.clock()
    entries = [entry_of(member, now) for member in people[:MAX_NAMES_IN_WHO]]
    is_here = here is not None and name == here.name
    person.tell(WhoAnswer(name, is_here, entries, len(people)))


def entry_of(member: Member, now: float) -> PersonEntry:
    """Return what `/who` says of `member`."""
    if not isinstance(member, Person):
        return PersonEntry(member.name)
    idle = now - member.last_heard_at
    return PersonEntry(
        member.name,
        member.away,
        idle if idle >= MIN_IDLE else None,
        is_out_of_reach=member.is_out_of_reach,
    )


@registry.command("whois", "NAME", "show what is known about somebody")
def whois(chat: Chat, person: Person, argument: str) -> None:
    """Show what is known about somebody."""
    other = somebody(chat, person, argument)
    if other is not None:
        now = chat.clock()
        here_for = now - other.joined_at
        entry = entry_of(other, now)
        # Each server counts for itself, so the number of somebody elsewhere says nothing here.
        number = 0 if isinstance(other, FarPerson) else other.id
        person.tell(WhoisAnswer(entry, number, other.whereabouts, here_for))


def somebody(chat: Chat, person: Person, name: str) -> Person | None:
    """Return the person called `name`; None if there is none, and then `person` was told so."""
    try:
        return chat.names.find(name.removeprefix("@"))
    except KeyError:
        person.tell(Problem(f"Nobody here is called {name[:20]}. /who lists everyone."))
        return None


# A name with a space in it is answered with what is wrong with it.
@registry.command(
    "nick", "NAME", "change your name", takes_rest=True, aliases=("name", "nickname", "rename")
)
def nick(chat: Chat, person: Person, argument: str) -> None:
    """Change the person's name."""
    if argument == person.name:
        person.tell(Notice(f"You are {person.name} already."))
        return
    if not chat.may_speak(person):
        return
    try:
        try:
            chat.rename(person, argument)
        except NameProtected as error:
            if not chat.passwords.prove(person, error.protected):
                return
            chat.rename(person, argument, proven=error.protected)
            chat.ignoring.store(person)
    except NameBanned as error:
        person.tell(Problem(f"You are still {person.name}. {error}"))
    except BadName as error:
        person.tell(Problem(f"{error} You are still {person.name}."))
    else:
        person.tell(Notice(f"You are now {person.name}."))
        chat.mail.hand_over(person)


@registry.command(
    "protect",
    "",
    "keep your name: others need your passphrase for it",
    takes_rest=True,  # so that a passphrase is answered with where to type it
    cost=4,
)
def protect(chat: Chat, person: Person, argument: str) -> None:
    """Protect the person's name with a passphrase."""
    if argument:
        person.tell(Problem("Type /protect alone: the passphrase is asked for, unseen."))
    else:
        chat.passwords.protect(person)
        chat.note_names(person)
        chat.ignoring.store(person)


@registry.command("unprotect", "", "let anybody have your name again")
def unprotect(chat: Chat, person: Person, argument: str) -> None:
    """Stop protecting the person's name."""
    chat.passwords.unprotect(person)


@registry.command(
    "away",
    "[WORDS]",
    "say that you are away, until you speak again",
    takes_rest=True,
    is_aloud=True,
    aliases=("afk", "brb"),
)
def away(chat: Chat, person: Person, argument: str) -> None:
    """Mark the person as away."""
    if argument and not chat.may_speak(person):
        return
    chat.set_away(person, argument[:MAX_AWAY])
    person.tell(Notice("You are away. When you speak, you are back."))


@registry.command(
    "ignore",
    "[NAME]",
    "hide somebody and what they say, or list those you ignore",
    aliases=("block", "silence", "squelch"),
)
def ignore(chat: Chat, person: Person, argument: str) -> None:
    """Hide from the person what somebody says and does, or list those that they ignore."""
    if not argument:
        _list_ignored(chat, person)
        return
    other = somebody(chat, person, argument)
    if other is None:
        return
    if other is person or other.identity is person.identity:
        person.tell(Problem("That is you. Nobody can be kept from hearing themselves."))
    elif other.identity in person.ignores:
        person.tell(Problem(f"You ignore {other.name} already. /unignore {other.name} undoes it."))
    else:
        chat.ignoring.ignore(person, other.identity)
        person.tell(
            Notice(f"You are shown nothing more of {other.name}. /unignore undoes it."),
            Notice(chat.ignoring.what_it_follows(person, other.identity)),
        )


def _list_ignored(chat: Chat, person: Person) -> None:
    ignored = chat.ignoring.ignored_by(person)
    if not ignored:
        person.tell(Notice("You ignore nobody. /ignore NAME hides somebody and what they say."))
        return
    entries = [it.name if chat.names.find_again(it) else f"{it.name} (not here)" for it in ignored]
    person.tell(Notice(f"You ignore {', '.join(entries)}. /unignore NAME undoes it."))


@registry.command(
    "unignore",
    "NAME",
    "show somebody and what they say again",
    aliases=("unblock", "unsilence", "unsquelch"),
)
def unignore(chat: Chat, person: Person, argument: str) -> None:
    """Show the person again what somebody says and does, here or not."""
    other = chat.ignoring.find(person, argument)
    if other is not None:
        chat.ignoring.unignore(person, other)
        person.tell(Notice(f"You are shown what {other.name} says again."))
    elif (here := somebody(chat, person, argument)) is not None:
        person.tell(Problem(f"You do not ignore {here.name}. /ignore lists those you do."))


@registry.command(
    "quit",
    "[WORDS]",
    "leave, with a last word if you like",
    takes_rest=True,
    is_aloud=True,
    aliases=("exit", "bye", "q", "logout", "disconnect"),
)
def quit_(chat: Chat, person: Person, argument: str) -> None:
    """End the person's connection, as they asked."""
    # A muted person leaves without last words, because the room would be shown them.
    person.quit(argument if argument and chat.may_speak(person) else "")
