"""Register slash commands, run the ones that people type, and describe them for `/help`.

The other modules of `threadchat.commands` define what the commands do. If a command cannot be
carried out, it raises a `PersonError`, and the dispatcher shows its line to the person. Two of
these errors mean more: for `Misuse` the dispatcher shows the right use of the command, and
`RecordsFailed` has a second line, for the operator.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.errors import PersonError
from threadchat.messages.kinds import Problem
from threadchat.storage.records import RecordsFailed

Action = Callable[[Chat, Person, str], None]


class Misuse(PersonError):
    """A command was given arguments that it does not take."""


@dataclass(frozen=True, slots=True)
class Call:
    """A typed line that calls a command; `command` is its name in lower case."""

    command: str
    argument: str


def parse_line(line: str) -> str | Call:
    """Return the call of a command in `line`, or the words that it says.

    A slash at the beginning calls a command. Two slashes say words that begin with one slash.
    """
    if not line.startswith("/"):
        return line
    if line.startswith("//"):
        return line[1:]
    command, _, argument = line[1:].partition(" ")
    return Call(command.lower(), argument.strip())


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command: how it is typed, a summary of what it does, and its function."""

    name: str
    arguments: str
    summary: str
    action: Action
    is_speech: bool = False
    """Whether the person is shown the words in the chat, so that the typed line may disappear."""
    is_for_operators: bool = False
    example: str = ""
    """An example of its use, for `/help COMMAND`."""
    weight: float = 1.0
    """Its cost in lines for flood control."""

    @property
    def usage(self) -> str:
        """The way it is typed, as in `/msg NAME WORDS`."""
        return f"/{self.name} {self.arguments}".rstrip()


class Registry:
    """A set of commands, by name."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._aliases: dict[str, str] = {}

    def command(
        self,
        name: str,
        arguments: str,
        summary: str,
        *,
        is_speech: bool = False,
        is_for_operators: bool = False,
        example: str = "",
        weight: float = 1.0,
    ) -> Callable[[Action], Action]:
        """Register the decorated function as `/name`."""

        def register(action: Action) -> Action:
            self._commands[name] = Command(
                name, arguments, summary, action, is_speech, is_for_operators, example, weight
            )
            return action

        return register

    def add(self, name: str, registry: "Registry") -> None:
        """Register the command called `name` from `registry`, with its other names."""
        self._commands[name] = command = registry._commands[name]
        self._aliases.update(dict.fromkeys(registry.aliases_of(command), name))

    def merge(self, registry: "Registry") -> None:
        """Register all commands of `registry`, with their other names."""
        for command in registry:
            self.add(command.name, registry)

    def alias(self, other: str, name: str) -> None:
        """Make `/other` another name of `/name`, without a line of its own in `/help`."""
        self._aliases[other] = name

    def aliases_of(self, command: Command) -> list[str]:
        """Return the other names of `command`."""
        return [other for other, name in self._aliases.items() if name == command.name]

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the commands in the order in which `/help` lists them."""
        return iter(self._commands.values())

    def commands_for(self, person: Person) -> list[Command]:
        """Return the commands that `person` may use, in the order of `/help`."""
        return [c for c in self if person.is_operator or not c.is_for_operators]

    def get(self, name: str) -> Command | None:
        """Return the command that has `name` as one of its names; None if there is none."""
        return self._commands.get(self._aliases.get(name, name))

    def find(self, person: Person, name: str) -> Command | None:
        """Return the command called `name`; None if `person` may not use it or it does not exist.

        In that case, `person` is told so.
        """
        command = self.get(name)
        if command is None:
            person.tell(Problem(self._unknown(person, name)))
            return None
        if command.is_for_operators and not person.is_operator:
            person.tell(
                Problem(f"/{command.name} is for operators. /op asks for their passphrase.")
            )
            return None
        return command

    def dispatch(self, chat: Chat, person: Person, call: Call) -> None:
        """Run the command in `call` for `person`, or tell them in one line why it cannot be run."""
        command = self.find(person, call.command)
        if command is None:
            return
        try:
            command.action(chat, person, call.argument)
        except Misuse:
            person.tell(Problem(f"Use it like this: {command.usage} - {command.summary}."))
        except RecordsFailed as error:
            chat.tell_of_failure(person, error)
        except PersonError as error:
            person.tell(Problem(str(error)))

    def _unknown(self, person: Person, name: str) -> str:
        if not name:
            return "There is no command without a name. /help lists all."
        known = [command.name for command in self.commands_for(person)]
        closest = max(known, key=lambda known: SequenceMatcher(a=name, b=known).ratio())
        return f"There is no /{name[:20]}. Did you mean /{closest}? /help lists all."
