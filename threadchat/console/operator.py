"""The operator at the server's own terminal. They are in no room, and may use every command there.

Most of the commands are those that operators have in the chat. A command has a form of its own
here if it shows more than people in a room should see, or if it looks better as a table. An
embedding program's commands are here, too, if they are for operators. Commands may be typed with
or without a slash.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Person
from threadchat.commands.completion import command_names, complete
from threadchat.commands.help import explain
from threadchat.commands.people import entry_of
from threadchat.commands.registry import Call, Registry, parse_line
from threadchat.commands.rooms import open_room_called, room_called, rooms_with, topic_set
from threadchat.link.nodes import server_of
from threadchat.messages.kinds import Notice, Private, Problem
from threadchat.monitoring import stats
from threadchat.terminal.view import PLAIN_VIEW
from threadchat.text.phrases import duration

NAME = "operator"

MAX_ROWS = 500
"""The most rows of a table."""

_SHARED = {"msg", "reply", "whois", "search", "unsay", "motd", "op"}
"""The commands of everybody that are of use to a person in no room."""

_NOT_ATTENDED = (
    "Nobody sits at the server's own terminal now."
    " That waits in its log, where it may be read or not."
)


class Operator(Person):
    """The operator at the server's own terminal. `show` is called with the answers of commands.

    Nobody else can have the name, so people can write to the operator in private. `commands` are
    those of the server.
    """

    __slots__ = ("_chat", "commands", "looks_attended", "show")

    def __init__(
        self, chat: Chat, commands: Registry, show: Callable[[RenderableType], None]
    ) -> None:
        super().__init__(0, "the server's own terminal", self._show_lines, PLAIN_VIEW)
        self._chat = chat
        self.commands = _commands_here(commands)
        """The commands that can be typed here."""
        self.show = show
        self.looks_attended: Callable[[], bool] = lambda: True
        """Returns whether somebody may sit at the terminal."""
        self.is_operator = True
        self.joined_at = self.last_heard_at = chat.clock()
        chat.names.seat(self, NAME)

    def _show_lines(self, data: bytes) -> None:
        for line in data.decode(PLAIN_VIEW.encoding).splitlines():
            self.show(Text(line))

    def hear(self, message: Private) -> None:
        """Show a message to the operator; with its time, if it may be read only later."""
        if self.is_attended:
            super().hear(message)
        else:
            when = datetime.fromtimestamp(message.at).strftime("%Y-%m-%d %H:%M:%S")
            self.show(Text(f"{when} {message.line}"))

    @property
    def is_attended(self) -> bool:
        """Whether somebody may sit at the terminal."""
        return self.looks_attended()

    @property
    def why_unread(self) -> str:
        """See `Person.why_unread`."""
        return "" if self.is_attended else _NOT_ATTENDED

    @property
    def whereabouts(self) -> str:
        """Where the operator is, in words."""
        return f"{'' if self.is_attended else 'not '}at {self.address}"

    def obey(self, line: str) -> None:
        """Run the command in `line`, on the calling thread."""
        self.last_heard_at = self._chat.clock()
        line = line.strip()
        match parse_line(line if line.startswith("/") else f"/{line}"):
            case Call() as call:
                self.commands.dispatch(self._chat, self, call)
            case words:  # the line began with two slashes
                self.tell(Problem(f"Nobody is shown that. say {words} announces it."))

    def complete(self, text: str) -> tuple[int, list[str]]:
        """Return the completions of `text` for Tab, in the form of `commands.completion`."""
        if text.startswith("/"):
            return complete(self.commands, self._chat, self, text)
        if " " not in text:
            return 0, [f"{name} " for name in command_names(self.commands, self, text)]
        start, found = complete(self.commands, self._chat, self, f"/{text}")
        return start - 1, found


_registry = Registry()  # the commands that have a form of their own here


def _commands_here(commands: Registry) -> Registry:
    """Return the commands at the server's own terminal, for a server with `commands`."""
    here = Registry()
    for own in _registry:
        other = commands.get(own.name)
        here.add(replace(own, aliases=other.aliases if other is not None else ()))
    here.merge(
        command
        for command in commands
        if _registry.get(command.name) is None
        and (command.is_for_operators or command.name in _SHARED)
    )
    return here


@_registry.command(
    "help", "[TOPIC]", "list the commands, or explain a topic or a command", topic="talk"
)
def help_(chat: Chat, person: Person, argument: str) -> None:
    """List the commands by topic, or explain a topic or a command."""
    if not isinstance(person, Operator):
        return
    if argument:
        explain(person.commands, person, argument)
        return
    table = _table("topic", "commands")
    for topic, commands in person.commands.topics_for(person).items():
        table.add_row(Text(topic), Text(" ".join(command.name for command in commands)))
    _show(person, table)
    person.tell(Notice("help TOPIC explains the commands of a topic, help COMMAND a single one."))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # A long name goes on in the next row. rich's default would cut it, with a dot beyond ASCII.
        table.add_column(column, overflow="fold")
    return table


def _show(person: Person, table: Table) -> None:
    if isinstance(person, Operator):
        person.show(table)


@_registry.command("who", "[ROOM]", "list the people here, with their addresses", topic="people")
def who(chat: Chat, person: Person, argument: str) -> None:
    """List everybody, or the members of a room."""
    rooms = chat.open_rooms.all()
    if argument:
        room = open_room_called(chat, person, argument)
        if room is None:
            return
        rooms = [room]
    now = chat.clock()
    found = [
        (it, room)
        for room in rooms
        for it in chat.open_rooms.people_in(room)
        if isinstance(it, Person)
    ]
    is_linked = any(isinstance(it, FarPerson) for it, _ in found)
    servers = ("server",) if is_linked else ()
    table = _table("#", "name", "room", *servers, "address", "here for", "notes")
    for member, room in found[:MAX_ROWS]:
        # Each server counts for itself, so the number of somebody elsewhere says nothing here.
        number, server = str(member.id), "this one"
        if isinstance(member, FarPerson):
            number, server = "", server_of(member.node)
        here = duration(now - member.joined_at)
        row = [number, member.name, room.name, member.address, here, _notes(member, now)]
        if is_linked:
            row.insert(3, server)
        table.add_row(*map(Text, row))
    if table.row_count:
        _show(person, table)
    else:
        person.tell(Notice("Nobody is here."))
    if len(found) > MAX_ROWS:
        more = f"{len(found) - MAX_ROWS:,} more people are left out."
        person.tell(Notice(f"{more} who ROOM lists those of a room, whois NAME shows one."))


def _notes(member: Person, now: float) -> str:
    entry = entry_of(member, now)
    notes = entry.notes
    connection = member.connection  # read once: its thread may take it away
    if connection is not None and connection.door != "terminal":
        notes.append(connection.door)
    if member.is_operator:
        notes.append("operator")
    if member.mute_left(now):
        notes.append("muted")
    # What the person chose stands last, so that it cannot look like a note of ours.
    return ", ".join(notes) + (f": {entry.away}" if entry.away else "")


@_registry.command(
    "rooms", "[WORD]", "list the rooms, with number of people and topic", topic="rooms"
)
def rooms(chat: Chat, person: Person, argument: str) -> None:
    """List the rooms with the most people, or those with a word in their name or topic."""
    table = _table("room", "people", "topic")
    found = sorted(rooms_with(chat, argument), key=lambda room: -room.number)
    for room in found[:MAX_ROWS]:
        table.add_row(Text(room.name), str(room.number), Text(room.topic))
    _show(person, table)
    if len(found) > MAX_ROWS:
        more = f"{len(found) - MAX_ROWS:,} more rooms are left out."
        person.tell(Notice(f"{more} rooms WORD lists those with WORD in name or topic."))


@_registry.command(
    "topic",
    "ROOM [WORDS|-]",
    "set the topic of a room, or show it; - clears it",
    topic="rooms",
    takes_rest=True,
)
def topic(chat: Chat, person: Person, argument: str) -> None:
    """Set or clear the topic of a room, or show it."""
    name, _, words = argument.partition(" ")
    room = room_called(chat, person, name)
    if room is None:
        return
    if words.strip():
        message = topic_set(person, words.strip())
        deed = f"set the topic of {room.name}: {message.text}"
        chat.log_act(person, deed if message.text else f"cleared the topic of {room.name}")
        chat.announcements.set_topic(room, message)
    person.tell(Notice(f"Topic: {room.topic}" if room.topic else "That room has no topic."))


@_registry.command(
    "stats", "", "show how the server is doing", topic="operators", is_for_operators=True
)
def stats_(chat: Chat, person: Person, argument: str) -> None:
    """Show the figures of the server as a table."""
    _show(person, stats.table(chat.control.stats()))
