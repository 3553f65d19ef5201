"""The commands for hooks, at the server's own terminal alone: what they show is not for a room."""

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from threadchat.chat.chat import Chat
from threadchat.chat.hooks import MAX_LINES
from threadchat.chat.person import Person
from threadchat.commands.registry import Command, Misuse
from threadchat.console.operator import Operator
from threadchat.messages.kinds import Notice, Problem
from threadchat.text.phrases import minute


def add_hook_commands(operator: Operator, addresses: Callable[[str], Sequence[str]]) -> None:
    """Let `operator` add, list and end hooks.

    `addresses` returns where a token is posted to, for each way to get there. It raises a
    `PersonError` if there is none, which says how to get one.
    """

    def add(chat: Chat, person: Person, argument: str) -> None:
        verb, name, room = argument.split()
        if verb.lower() != "add":
            raise Misuse
        addresses("")  # so that there is no hook that nobody can use
        kept, token = chat.hooks.add(name, room)
        chat.log_act(person, f"added the hook {kept.name} for {kept.room}")
        person.tell(Notice(f"{kept.name} says in {kept.room} what is sent to one of these:"))
        for address in addresses(token):
            operator.show(Text(f"    {address}"))
        person.tell(
            Notice(f"As in: curl -d 'words' ADDRESS. At most {MAX_LINES} lines; JSON works, too."),
            Notice("Keep them secret: with one anybody can speak there. They are not shown again."),
        )
        if not chat.hooks.are_lasting:
            person.tell(Notice("The hook ends with the server, as that runs without --history."))

    def end(chat: Chat, person: Person, argument: str) -> None:
        hook = chat.hooks.called(argument)
        if hook is None:
            person.tell(Problem(f"No hook is called {argument[:20]}. hooks lists them."))
            return
        chat.log_act(person, f"ended the hook {hook.name}")
        chat.hooks.remove(hook.name)
        person.tell(Notice(f"{hook.name} is no hook any more, and anybody may have the name."))

    def show(chat: Chat, person: Person, argument: str) -> None:
        hooks = chat.hooks.all()
        if not hooks:
            person.tell(Notice("There are no hooks. hook add NAME ROOM makes one."))
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("name", "room", "since", "last used", "posts"):
            table.add_column(column, overflow="fold")
        for it in hooks:
            used = minute(it.last_used) if it.used else "never"
            row = (it.name, it.room, minute(it.since), used, f"{it.used:,}")
            table.add_row(*map(Text, row))
        operator.show(table)
        addresses("")  # so that it is told if nobody can post to them

    for name, arguments, summary, action in (
        ("hook", "add NAME ROOM", "let programs speak in a room by posts, as from curl", add),
        ("hooks", "", "list the hooks, and when they were used", show),
        ("unhook", "NAME", "end a hook, and free its name", end),
    ):
        operator.commands.add(
            Command(name, arguments, summary, action, topic="hooks", is_for_operators=True)
        )
