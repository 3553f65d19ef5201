"""The command `/help`, which lists and describes the commands."""

from collections.abc import Iterable

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Command, Registry
from threadchat.messages.kinds import Notice


def add_help(registry: Registry) -> None:
    """Register the command `/help` in `registry`, whose commands it lists."""

    @registry.command("help", "[COMMAND]", "list the commands, or explain one")
    def help_(chat: Chat, person: Person, argument: str) -> None:
        if argument:
            describe(registry, person, argument)
        else:
            _list(registry, person)


def describe(registry: Registry, person: Person, name: str) -> None:
    """Show `person` the use of the command called `name`, or that there is no such command."""
    command = registry.find(person, name.removeprefix("/").lower())
    if command is None:
        return
    lines = [f"{command.usage} - {command.summary}."]
    if others := registry.aliases_of(command):
        lines.append(f"  Also: {', '.join(f'/{other}' for other in others)}")
    if command.example:
        lines.append(f"  Example: {command.example}")
    if command.is_for_operators:
        lines.append("  For operators.")
    person.tell(*map(Notice, lines))


def _list(registry: Registry, person: Person) -> None:
    person.tell(
        Notice("Type a line and press Enter to say it to everyone. Commands begin with /:"),
        *_rows(command for command in registry if not command.is_for_operators),
        Notice("//WORDS says something that begins with /. /help COMMAND explains one."),
    )
    if person.is_operator:
        rows = _rows(command for command in registry if command.is_for_operators)
        person.tell(Notice("For operators:"), *rows)


def _rows(commands: Iterable[Command]) -> list[Notice]:
    rows = [(command.usage, command.summary) for command in commands]
    width = max(len(usage) for usage, _ in rows)
    return [Notice(f"  {usage:<{width}}  {summary}") for usage, summary in rows]
