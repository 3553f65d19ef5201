"""The command `/help`, which shows the topics, the commands of a topic, or one command.

Each answer fits a screen of 24 rows of 80 columns, however many commands there are in all.
"""

import textwrap
from collections.abc import Sequence

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Command, Registry
from threadchat.messages.kinds import Notice

_COLUMNS = 80 - len("=== ")
"""How wide a line of an answer may be."""

_MAX_USAGE_COLUMNS = 17
"""How wide the column of usages may be. The summary of a longer one has a row of its own."""


def add_help(registry: Registry) -> None:
    """Register the command `/help` in `registry`, whose commands it lists."""

    @registry.command(
        "help",
        "[TOPIC]",
        "list the commands, or explain a topic or a command",
        topic="talk",
        aliases=("h", "?", "commands"),
    )
    def help_(chat: Chat, person: Person, argument: str) -> None:
        if argument:
            explain(registry, person, argument)
        else:
            _show_overview(registry, person)


def explain(registry: Registry, person: Person, word: str) -> None:
    """Show `person` the topic called `word`, the command called so, or both.

    With a slash in front, `word` is only a command. If there is neither, the person is told so.
    """
    topic = registry.topics_for(person).get(word.lower())
    if topic is not None:
        person.tell(Notice(f"Commands of the topic {word.lower()}:"), *_rows(topic))
    name = word.removeprefix("/").lower()
    if topic is None or registry.get(name) is not None:
        _describe(registry, person, name)


def _describe(registry: Registry, person: Person, name: str) -> None:
    command = registry.find(person, name)
    if command is None:
        return
    rows = textwrap.wrap(f"{command.usage} - {command.summary}.", _COLUMNS, subsequent_indent="  ")
    if command.aliases:
        rows += _hanging("  Also: ", ", ".join(f"/{other}" for other in command.aliases))
    if command.example:
        rows += _hanging("  Example: ", command.example)
    if command.is_for_operators:
        rows.append("  For operators.")
    person.tell(*map(Notice, rows))


def _show_overview(registry: Registry, person: Person) -> None:
    topics = registry.topics_for(person)
    width = max(map(len, topics))
    rows = []
    for topic, commands in topics.items():
        names = " ".join(f"/{command.name}" for command in commands)
        rows += _hanging(f"  {topic:<{width}}  ", names)
    person.tell(
        Notice("Type a line and press Enter to say it to everyone. Commands begin with /:"),
        *map(Notice, rows),
        Notice("/help rooms explains the commands of that topic, /help COMMAND a single one."),
        Notice("//WORDS says something that begins with /."),
    )


def _rows(commands: Sequence[Command]) -> list[Notice]:
    usages = [len(command.usage) for command in commands]
    width = max(length for length in [0, *usages] if length <= _MAX_USAGE_COLUMNS)
    rows = []
    for command in commands:
        first = f"  {command.usage:<{width}}  "
        if len(command.usage) > width:
            rows.append(first.rstrip())
            first = " " * (width + 4)
        rows += _hanging(first, command.summary)
    return list(map(Notice, rows))


def _hanging(first: str, words: str) -> list[str]:
    """Return rows of `words`, with `first` before the first row and as many blanks below it."""
    return textwrap.wrap(words, _COLUMNS, initial_indent=first, subsequent_indent=" " * len(first))
