"""The commands about rooms."""

from threadchat.chat.announcements import MAX_TOPIC
from threadchat.chat.chat import Chat
from threadchat.chat.openrooms import OpenRoom
from threadchat.chat.person import Person
from threadchat.chat.room import Room
from threadchat.commands.registry import Registry
from threadchat.messages.answers import RoomEntry, RoomsAnswer
from threadchat.messages.kinds import Notice, Problem, TopicSet
from threadchat.text.names import fold_name

registry = Registry("rooms")
"""The commands about rooms."""

NO_TOPIC = ("-", '""', "''")
"""The words that clear a topic."""


def room_called(chat: Chat, person: Person, name: str) -> Room | None:
    """Return the room called `name`; None if there is none, and then `person` was told so."""
    try:
        return chat.room(name.removeprefix("#"))
    except KeyError:
        _tell_of_no_room(person, name)
        return None


def _tell_of_no_room(person: Person, name: str) -> None:
    person.tell(Problem(f"There is no room {name[:20]}. /rooms lists all."))


def open_room_called(chat: Chat, person: Person, name: str) -> OpenRoom | None:
    """Return the room called `name`, on whatever server; None, and `person` is told, if none is."""
    try:
        return chat.open_rooms.called(name.removeprefix("#"))
    except KeyError:
        _tell_of_no_room(person, name)
        return None


# A name with a space in it is answered with what is wrong with it.
@registry.command(
    "join",
    "ROOM",
    "go to another room, or open one",
    takes_rest=True,
    aliases=("j", "channel", "enter", "create"),
)
def join(chat: Chat, person: Person, argument: str) -> None:
    """Move the person to a room."""
    # Everybody is shown the name of a new room, so a muted person must not open one.
    if not chat.has_room(argument.removeprefix("#")) and not chat.may_speak(person):
        return
    chat.move(person, argument)


@registry.command("leave", "", "go back to the lobby", aliases=("part",))
def leave(chat: Chat, person: Person, argument: str) -> None:
    """Move the person back to the lobby."""
    if person.room is chat.lobby:
        person.tell(Problem("You are in the lobby. /quit leaves the chat."))
    else:
        chat.move(person, chat.lobby.name)


@registry.command(
    "rooms",
    "[WORD]",
    "list the rooms, with number of people and topic",
    aliases=("list", "channels"),
)
def rooms(chat: Chat, person: Person, argument: str) -> None:
    """List the rooms, or those that have a word in their name or topic."""
    entries = [
        RoomEntry(it.name, it.number, it.topic, it.here is not None and it.here is person.room)
        for it in rooms_with(chat, argument)
    ]
    person.tell(RoomsAnswer(entries, word=argument or None))


def rooms_with(chat: Chat, word: str) -> list[OpenRoom]:
    """Return the rooms that have `word` in their name or topic."""
    wanted = fold_name(word.removeprefix("#"))
    return [
        room
        for room in chat.open_rooms.all()
        if wanted in fold_name(room.name) or wanted in fold_name(room.topic)
    ]


@registry.command(
    "topic",
    "[WORDS|-]",
    "set the topic of this room, or show it; - clears it",
    takes_rest=True,
    is_aloud=True,
)
def topic(chat: Chat, person: Person, argument: str) -> None:
    """Set or clear the topic of the person's room, or show it."""
    room = person.room
    if room is None:
        return
    if argument and not chat.may_speak(person):
        return
    if argument:
        chat.announcements.set_topic(room, topic_set(person, argument), person)
    person.tell(Notice(f"Topic: {room.topic}" if room.topic else "This room has no topic."))


def topic_set(person: Person, words: str) -> TopicSet:
    """Return the message by which `person` sets a topic to `words`, or clears it with `-`."""
    return TopicSet(person.name, "" if words in NO_TOPIC else words[:MAX_TOPIC])
