"""Register slash commands, dispatch what people type to them, and describe them for `/help`.

What the commands do is in `threadchat.commands`. A wrong use raises `Misuse`, which the dispatcher
turns into one line with the right use; nothing else has happened.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from threadchat.chat import Chat, Person
from threadchat.messages import Call, Problem

Action = Callable[[Chat, Person, str], None]


class Misuse(Exception):
    """A command was used in a way it does not have."""


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command: how it is typed, what it does in a few words, and what does it."""

    name: str
    arguments: str
    summary: str
    action: Action
    is_speech: bool = False
    """Whether the person is shown what they said, so that the typed line need not stay."""

    @property
    def usage(self) -> str:
        """The way it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


class Registry:
    """All commands, by name."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._aliases: dict[str, str] = {}

    def command(
        self, name: str, arguments: str, summary: str, is_speech: bool = False
    ) -> Callable[[Action], Action]:
        """Register the decorated function as `/name`."""

        def register(action: Action) -> Action:
            self._commands[name] = Command(name, arguments, summary, action, is_speech)
            return action

        return register

    def alias(self, other: str, name: str) -> None:
        """Let `/other` do what `/name` does, without a line of its own in `/help`."""
        self._aliases[other] = name

    def __iter__(self) -> Iterator[Command]:
        """Go through the commands in the order in which help lists them."""
        return iter(self._commands.values())

    def get(self, name: str) -> Command | None:
        """Return the command called `name`, by whichever of its names."""
        return self._commands.get(self._aliases.get(name, name))

    def dispatch(self, chat: Chat, person: Person, call: Call) -> None:
        """Do what `call` says for `person`, or tell them in one line why not."""
        command = self.get(call.command)
        if command is None:
            person.tell(Problem(self._unknown(call.command)))
            return
        try:
            command.action(chat, person, call.argument)
        except Misuse:
            person.tell(Problem(f"Use it like this: {command.usage} - {command.summary}."))

    def _unknown(self, name: str) -> str:
        if not name:
            return "There is no command without a name. /help lists all."
        closest = max(self._commands, key=lambda known: SequenceMatcher(a=name, b=known).ratio())
        return f"There is no /{name[:20]}. Did you mean /{closest}? /help lists all."
