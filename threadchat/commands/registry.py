"""Declare slash commands, run the ones that people type, and describe them for `/help`.

The other modules of `threadchat.commands` define what the commands do, one registry for each topic.
Each server merges these into a registry of its own. A command declares what it takes, so the
dispatcher calls its function only with as many arguments as that.

If a command cannot be carried out, it raises a `PersonError`, and the dispatcher shows its line to
the person. Two of these errors mean more: for `Misuse` the dispatcher shows the right use of the
command, and `RecordsFailed` has a second line, for the operator. Any other error is a fault in the
command: the operator is told of it, and the person that it went wrong.
"""

import math
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.hints import HINTS, closest
from threadchat.errors import PersonError
from threadchat.messages.kinds import Problem
from threadchat.storage.records import RecordsFailed

Action = Callable[[Chat, Person, str], None]
"""What a command does, on the thread of the person that typed it.

It is given the chat, the person, and what was typed behind the name of the command, without the
blanks around it.
"""

OTHER_TOPIC = "more"
"""The topic of a command that declares none."""


_WENT_WRONG = "Something went wrong with /{}, and the operator has been told. Try something else."


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


_BLANKS = (
    r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]*"
)
"""Blanks, and characters that show nothing."""

# Keyboards for Chinese have other slashes.
_NEARLY_A_CALL = re.compile(rf"{_BLANKS}[/\uff0f\u2044\u2215]{_BLANKS}(?P<name>[^\s/]+)(?!\S)")


BEGINS_WORDS = frozenset(string.ascii_letters + string.digits + string.punctuation) - {"/"}
"""Characters that begin words and no call, so nearly all that is said begins with one of them."""


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command: how it is typed, a summary of what it does, and its function.

    Raise `ValueError` if it could not be typed: names are in lower case, without blanks or slashes.
    """

    name: str
    arguments: str
    """Its arguments as `/help` shows them. Each is one word, in brackets if it may be left out."""
    summary: str
    """What it does, as the rest of a sentence: `show the rooms`."""
    action: Action
    _: KW_ONLY
    topic: str = OTHER_TOPIC
    """Under which heading `/help` lists it."""
    takes_rest: bool = False
    """Whether the last argument is the rest of the line, however many words that has."""
    is_speech: bool = False
    """Whether the person is shown the words in the chat, so that the typed line may disappear."""
    is_aloud: bool = False
    """Whether words that are typed behind it are shown to everybody in a room."""
    is_for_operators: bool = False
    """Whether only operators may use it."""
    is_for_terminals: bool = False
    """Whether it is only for people at a terminal; others are not shown it."""
    aliases: tuple[str, ...] = ()
    """Its other names, such as those in other chats. They have no line of their own in `/help`."""
    example: str = ""
    """An example of its use, for `/help COMMAND`."""
    cost: float = 1.0
    """Its cost in lines for flood control."""

    def __post_init__(self) -> None:
        """Check the names."""
        for name in self.names:
            is_one_word = re.fullmatch(r"[^\s/]+", name) is not None and name.isprintable()
            if not is_one_word or name != name.lower():
                raise ValueError(f"{name!r} cannot be the name of a command")

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return (self.name, *self.aliases)

    @property
    def usage(self) -> str:
        """The way it is typed, as in `/msg NAME WORDS`."""
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def min_arguments(self) -> int:
        """How many arguments it needs."""
        return sum(not argument.startswith("[") for argument in self.arguments.split())

    @property
    def max_arguments(self) -> float:
        """How many words it takes; infinity if the last argument is the rest of the line."""
        return math.inf if self.takes_rest else len(self.arguments.split())

    def takes(self, argument: str) -> bool:
        """Return whether `argument` has as many words as the command takes."""
        words = sum(map(bool, argument.split(" ")))
        return self.min_arguments <= words <= self.max_arguments


class Registry:
    """A set of commands, by name. No two of them share a name.

    `topic` is that of the commands which `command` registers. Iterate over it for the commands, in
    the order in which they were added. Complete it before any other thread uses it.
    """

    def __init__(self, topic: str = OTHER_TOPIC) -> None:
        self._topic = topic
        self._commands: list[Command] = []
        self._by_name: dict[str, Command] = {}

    def command(
        self,
        name: str,
        arguments: str,
        summary: str,
        *,
        topic: str = "",
        takes_rest: bool = False,
        is_speech: bool = False,
        is_aloud: bool = False,
        is_for_operators: bool = False,
        is_for_terminals: bool = False,
        aliases: tuple[str, ...] = (),
        example: str = "",
        cost: float = 1.0,
    ) -> Callable[[Action], Action]:
        """Add the decorated function as `/name`; for the arguments see `Command`."""

        def register(action: Action) -> Action:
            command = Command(
                name,
                arguments,
                summary,
                action,
                topic=topic or self._topic,
                takes_rest=takes_rest,
                is_speech=is_speech,
                is_aloud=is_aloud,
                is_for_operators=is_for_operators,
                is_for_terminals=is_for_terminals,
                aliases=aliases,
                example=example,
                cost=cost,
            )
            self.add(command)
            return action

        return register

    def add(self, command: Command) -> None:
        """Add `command`; raise `ValueError` if one of its names is another command's."""
        for name in command.names:
            other = self._by_name.get(name)
            if other is not None or command.names.count(name) > 1:
                is_alias = other is not None and other.name != name
                also = f", another name of /{other.name}" if other is not None and is_alias else ""
                raise ValueError(f"there is a command /{name} already{also}")
        self._commands.append(command)
        self._by_name.update(dict.fromkeys(command.names, command))

    def merge(self, commands: Iterable[Command]) -> None:
        """Add all of `commands`, which may be another registry."""
        for command in commands:
            self.add(command)

    def __iter__(self) -> Iterator[Command]:
        """Iterate over the commands in the order in which they were added."""
        return iter(self._commands)

    def commands_for(self, person: Person) -> list[Command]:
        """Return the commands that `person` may use."""
        connection = person.connection
        has_terminal = connection is None or connection.terminal is not None
        return [
            it
            for it in self
            if (person.is_operator or not it.is_for_operators)
            and (has_terminal or not it.is_for_terminals)
        ]

    def topics_for(self, person: Person) -> dict[str, list[Command]]:
        """Return the commands that `person` may use by their topics."""
        topics: dict[str, list[Command]] = {}
        for command in self.commands_for(person):
            topics.setdefault(command.topic, []).append(command)
        return topics

    def get(self, name: str) -> Command | None:
        """Return the command that has `name` as one of its names; None if there is none."""
        return self._by_name.get(name)

    def missed_call(self, words: str) -> str | None:
        """Return the name of the command that `words` nearly call; None if they are just words.

        They do where blanks stand before or behind its slash, or where that is another character.
        """
        if words[:1].isalnum():
            return None
        found = _NEARLY_A_CALL.match(words)
        name = found["name"].lower() if found is not None else ""
        return name if self.get(name) is not None or name in HINTS else None

    def find(self, person: Person, name: str, *, has_words: bool = False) -> Command | None:
        """Return the command called `name`; None if `person` may not use it or it does not exist.

        In that case, `person` is told so. `has_words` says whether something was typed behind it.
        """
        command = self.get(name)
        if command is None:
            person.tell(Problem(self._unknown(person, name, has_words)))
            return None
        if command.is_for_operators and not person.is_operator:
            person.tell(
                Problem(f"/{command.name} is for operators. /op asks for their passphrase.")
            )
            return None
        return command

    def dispatch(self, chat: Chat, person: Person, call: Call) -> None:
        """Run the command in `call` for `person`, or tell them in one line why it cannot be run."""
        command = self.find(person, call.command, has_words=bool(call.argument))
        if command is None:
            return
        try:
            if not command.takes(call.argument):
                raise Misuse
            if command.is_for_operators and not chat.may_act(person):
                return
            command.action(chat, person, call.argument)
        except Misuse:
            person.tell(Problem(f"Use it like this: {command.usage} - {command.summary}."))
        except RecordsFailed as error:
            chat.tell_of_failure(person, error)
        except PersonError as error:
            person.tell(Problem(str(error)))
        except (Exception, SystemExit) as error:  # a command may call what ends programs
            # It costs nobody anything but this answer (promise 8).
            chat.observer.failed(f"running /{command.name} for {person.name}", error)
            person.tell(Problem(_WENT_WRONG.format(command.name)))

    def _unknown(self, person: Person, name: str, has_words: bool) -> str:
        if not name:
            return "There is no command without a name. /help lists all."
        if name in HINTS:
            return f"There is no /{name}. {HINTS[name]}"
        if "/" in name:
            return f"There is no /{name[:20]}. /help lists all; //{name[:20]} says it."
        known = {
            other: command.name
            for command in self.commands_for(person)
            # Whoever follows the hint must not say aloud what was meant for one person.
            if not (command.is_aloud and (has_words or command.min_arguments))
            for other in command.names
        }
        meant = closest(name, known)
        hint = f" Did you mean /{meant}?" if meant else ""
        return f"There is no /{name[:20]}.{hint} /help lists all."
