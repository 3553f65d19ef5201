"""The commands that set how text is written to a person's terminal."""

from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import TerminalSettings
from threadchat.chat.person import Person
from threadchat.commands.registry import Misuse, Registry
from threadchat.errors import PersonError
from threadchat.messages.kinds import Notice, Problem

registry = Registry("settings")
"""The commands that set how text is written to a person's terminal."""

_TEST_LETTERS = "ä é ñ ß € Ж 漢"


@registry.command(
    "charset",
    "NAME",
    "say how your client writes letters, as in /charset cp850",
    aliases=("encoding", "codepage"),
    is_for_terminals=True,
)
def charset(chat: Chat, person: Person, argument: str) -> None:
    """Set the encoding of the person's client, and show letters to check it."""
    try:
        encoding = _terminal_of(person).set_charset(argument)
    except LookupError:
        person.tell(
            Problem(f"{argument[:20]} is not known here. Try utf-8, cp1252, cp850 or latin-1.")
        )
    else:
        person.tell(Notice(f"Your charset is {encoding} now. A test: {_TEST_LETTERS}"))


@registry.command(
    "charmode", "on|off", "keep your line whole while others talk", is_for_terminals=True
)
def charmode(chat: Chat, person: Person, argument: str) -> None:
    """Ask the person's client for character mode, or for line mode."""
    wanted = _switch(argument)
    terminal = _terminal_of(person)
    if wanted and person.hears_itself:
        person.tell(Notice("You have it already."))
    elif wanted:
        person.tell(Notice("Asking your client. If nothing changes, it cannot do it."))
    terminal.set_character_mode(wanted)
    if not wanted:
        person.tell(Notice("Your client edits its own lines."))


@registry.command(
    "color",
    "on|off",
    "show names in colours",
    aliases=("colour", "colors", "colours"),
    is_for_terminals=True,
)
def color(chat: Chat, person: Person, argument: str) -> None:
    """Switch colours on or off."""
    _terminal_of(person).show(color=_switch(argument))
    person.tell(Notice(f"Colours are {argument.lower()}."))


@registry.command(
    "time",
    "on|off",
    "show the time before each line, with its date if not today",
    aliases=("timestamp", "timestamps"),
    is_for_terminals=True,
)
def time_(chat: Chat, person: Person, argument: str) -> None:
    """Switch the times before lines on or off."""
    _terminal_of(person).show(times=_switch(argument))
    person.tell(Notice(f"Times are {argument.lower()}."))


@registry.command("bell", "on|off", "ring when somebody says your name", is_for_terminals=True)
def bell(chat: Chat, person: Person, argument: str) -> None:
    """Switch the bell on or off."""
    _terminal_of(person).show(bell=_switch(argument))
    person.tell(Notice(f"The bell is {argument.lower()}."))


def _terminal_of(person: Person) -> TerminalSettings:
    terminal = person.connection.terminal if person.connection is not None else None
    if terminal is None:
        raise PersonError("That is for people at a terminal, and you have come by another way.")
    return terminal


def _switch(argument: str) -> bool:
    match argument.lower():
        case "on":
            return True
        case "off":
            return False
    raise Misuse
