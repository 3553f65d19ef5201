"""Hold the slash commands, in one registry that also writes `/help`.

A command acts on the chat for a person and answers them with `Person.tell`. A wrong use raises
`Misuse`, which the dispatcher turns into one line with the right use; nothing else has happened.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from threadchat.chat import Chat, Person
from threadchat.messages import (
    Call,
    Emote,
    Notice,
    Problem,
    count_people,
)
from threadchat.text import BadName

MAX_NAMES_IN_WHO = 1000
"""The most names `/who` lists: its answer has to fit a client's queue."""

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

    @property
    def usage(self) -> str:
        """The way it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


class Registry:
    """All commands, by name."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._aliases: dict[str, str] = {}

    def command(self, name: str, arguments: str, summary: str) -> Callable[[Action], Action]:
        """Register the decorated function as `/name`."""

        def register(action: Action) -> Action:
            self._commands[name] = Command(name, arguments, summary, action)
            return action

        return register

    def alias(self, other: str, name: str) -> None:
        """Let `/other` do what `/name` does, without a line of its own in `/help`."""
        self._aliases[other] = name

    def __iter__(self) -> Iterator[Command]:
        """Go through the commands in the order in which help lists them."""
        return iter(self._commands.values())

    def dispatch(self, chat: Chat, person: Person, call: Call) -> None:
        """Do what `call` says for `person`, or tell them in one line why not."""
        command = self._commands.get(self._aliases.get(call.command, call.command))
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


_TEST_LETTERS = "ä é ñ ß € Ж 漢"

registry = Registry()
"""The commands of a threadchat."""


@registry.command("help", "", "list the commands")
def help_(chat: Chat, person: Person, argument: str) -> None:
    """List the commands."""
    width = max(len(command.usage) for command in registry)
    person.tell(
        Notice("Type a line and press Enter to say it to everyone. Commands begin with /:"),
        *(Notice(f"  {command.usage:<{width}}  {command.summary}") for command in registry),
        Notice(f"  {'//WORDS':<{width}}  say something that begins with /"),
    )


@registry.command("who", "", "list who is here")
def who(chat: Chat, person: Person, argument: str) -> None:
    """List who is here."""
    if argument:
        raise Misuse
    names = [member.name for member in chat.people()]
    listed = ", ".join(names[:MAX_NAMES_IN_WHO])
    if len(names) > MAX_NAMES_IN_WHO:
        listed += f" and {len(names) - MAX_NAMES_IN_WHO} others"
    person.tell(Notice(f"{count_people(len(names))}{': ' if listed else ''}{listed}."))


@registry.command("nick", "NAME", "change your name")
def nick(chat: Chat, person: Person, argument: str) -> None:
    """Change the person's name."""
    if not argument:
        raise Misuse
    if argument == person.name:
        person.tell(Notice(f"You are {person.name} already."))
        return
    try:
        chat.rename(person, argument)
    except BadName as error:
        person.tell(Problem(f"{error} You are still {person.name}."))
    else:
        person.tell(Notice(f"You are now {person.name}."))


@registry.command("me", "TEXT", "say what you do, as in * al waves")
def me(chat: Chat, person: Person, argument: str) -> None:
    """Say what the person does."""
    if not argument:
        raise Misuse
    chat.say(person, Emote(person.name, argument, time.time()))


@registry.command("msg", "NAME WORDS", "say something to one person alone")
def msg(chat: Chat, person: Person, argument: str) -> None:
    """Say something to one person."""
    name, _, words = argument.partition(" ")
    if not words.strip():
        raise Misuse
    _whisper(chat, person, name.rstrip(":,"), words.strip())


@registry.command("reply", "WORDS", "answer who last wrote to you alone")
def reply(chat: Chat, person: Person, argument: str) -> None:
    """Say something to who last wrote in private."""
    if not argument:
        raise Misuse
    if not person.answers_to:
        person.tell(Problem("Nobody has written to you alone yet. /msg NAME WORDS does so."))
        return
    _whisper(chat, person, person.answers_to, argument)


registry.alias("r", "reply")


def _whisper(chat: Chat, person: Person, name: str, words: str) -> None:
    try:
        recipient = chat.find(name)
    except KeyError:
        person.tell(Problem(f"Nobody here is called {name[:20]}. /who lists everyone."))
        return
    if recipient is person:
        person.tell(Problem("That is you. /msg NAME WORDS is for somebody else."))
    else:
        chat.whisper(person, recipient, words)


@registry.command("charset", "NAME", "say how your client writes letters, as in /charset cp850")
def charset(chat: Chat, person: Person, argument: str) -> None:
    """Set the encoding of the person's client, and show a line to judge it by."""
    if not argument or person.door is None:
        raise Misuse
    try:
        encoding = person.door.set_charset(argument)
    except LookupError:
        person.tell(
            Problem(f"{argument[:20]} is not known here. Try utf-8, cp1252, cp850 or latin-1.")
        )
    else:
        person.tell(Notice(f"Your charset is {encoding} now. A test: {_TEST_LETTERS}"))


@registry.command("charmode", "on|off", "have your line kept whole while others talk")
def charmode(chat: Chat, person: Person, argument: str) -> None:
    """Ask the person's client for character mode, or for line mode."""
    wanted = _switch(argument)
    if person.door is None:
        raise Misuse
    if wanted and not person.hears_itself:
        person.tell(Notice("Asking your client. If nothing changes, it cannot do it."))
    person.door.set_character_mode(wanted)
    if not wanted:
        person.tell(Notice("Your client edits its own lines."))


@registry.command("color", "on|off", "show names in colours")
def color(chat: Chat, person: Person, argument: str) -> None:
    """Switch colours."""
    person.wish(color=_switch(argument))
    person.tell(Notice(f"Colours are {argument.lower()}."))


@registry.command("time", "on|off", "show the time before each line")
def time_(chat: Chat, person: Person, argument: str) -> None:
    """Switch times."""
    person.wish(times=_switch(argument))
    person.tell(Notice(f"Times are {argument.lower()}."))


@registry.command("bell", "on|off", "ring when somebody says your name")
def bell(chat: Chat, person: Person, argument: str) -> None:
    """Switch the bell."""
    person.wish(bell=_switch(argument))
    person.tell(Notice(f"The bell is {argument.lower()}."))


@registry.command("quit", "[WORDS]", "leave, with a last word if you like")
def quit_(chat: Chat, person: Person, argument: str) -> None:
    """Let the person go."""
    person.quit(argument)


def _switch(argument: str) -> bool:
    match argument.lower():
        case "on":
            return True
        case "off":
            return False
    raise Misuse


def complete(chat: Chat, text: str) -> tuple[int, list[str]]:
    """Return where the last word of `text` begins, and the names or commands it may become."""
    if text.startswith("/") and " " not in text:
        known = (f"/{command.name} " for command in registry)
        return 0, [name for name in known if name.startswith(text.lower())]
    start = text.rfind(" ") + 1
    word = text[start:].casefold()
    ending = " " if start else ": "
    names = sorted(member.name for member in chat.people())
    return start, [name + ending for name in names if word and name.casefold().startswith(word)]
