"""Complete names of people, rooms and commands in a line that a person types."""

import re
from collections.abc import Iterable

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Call, Registry, parse_line
from threadchat.text.names import fold_name

_MARKS = re.compile(r"\W*")


def complete(registry: Registry, chat: Chat, person: Person, text: str) -> tuple[int, list[str]]:
    """Return where the last word of `text` begins, and what completes it, each with its ending.

    What is offered follows from what the command declares: rooms for a `ROOM`, its own words for
    `on|off`, and so on; else names of people. Upper and lower case make no difference. Only
    commands that `person` may use are among them.
    """
    call = parse_line(text)
    if isinstance(call, Call) and " " not in text:
        return 0, [f"/{name} " for name in command_names(registry, person, text[1:])]
    start = text.rfind(" ") + 1
    wanted = _argument_at(registry, call, text[:start]) if isinstance(call, Call) else []
    word = text[start:]
    if "ROOM" in wanted:
        start += len(word) - len(word.removeprefix("#"))
        return start, _beginning_with(text[start:], sorted(it.name for it in chat.open_rooms.all()))
    if "TOPIC" in wanted:
        known = [*registry.topics_for(person), *(it.name for it in registry.commands_for(person))]
        start += len(word) - len(word.removeprefix("/"))
        return start, _beginning_with(text[start:], dict.fromkeys(known))
    if choices := [it for it in wanted if it.isalpha() and it.islower()]:
        return start, _beginning_with(word, choices)
    return _people(chat, start, word)


def command_names(registry: Registry, person: Person, begun: str) -> list[str]:
    """Return the names of the commands that begin with `begun`; other names if no proper one does.

    Only commands that `person` may use are among them.
    """
    begun = begun.lower()
    commands = registry.commands_for(person)
    names = [command.name for command in commands if command.name.startswith(begun)]
    return names or [it for command in commands for it in command.aliases if it.startswith(begun)]


def _argument_at(registry: Registry, call: Call, before: str) -> list[str]:
    """Return what the argument behind `before` can be, as its command declares it."""
    command = registry.get(call.command)
    declared = command.arguments.split() if command is not None else []
    at = len(before.split()) - 1
    if at >= len(declared):
        return []
    return declared[at].strip("[]").split("|")


def _people(chat: Chat, start: int, word: str) -> tuple[int, list[str]]:
    """Return the names of people that complete `word`, which may have an @ before the name."""
    begin = start + word.rfind("@") + 1
    marks = _MARKS.match(word, begin - start)
    begin += len(marks[0]) if marks is not None else 0
    name = word[begin - start :]
    if not name and not word.endswith("@"):
        return start, []
    fold, ending = fold_name(name), " " if begin else ": "
    names = [it.name for it in chat.people() if it.folded_name.startswith(fold)]
    hooks = [*chat.hooks.names(), *(it.name for it in chat.far.everybody() if it.is_hook)]
    names += [it for it in hooks if fold_name(it).startswith(fold)]
    return begin, [name + ending for name in sorted(names)]


def _beginning_with(word: str, known: Iterable[str]) -> list[str]:
    fold = fold_name(word)
    return [f"{name} " for name in known if fold_name(name).startswith(fold)]
