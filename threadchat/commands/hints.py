"""Say what to do in place of a command that there is not: names from other chats, and slips.

A command that exists here under another name there is no hint, but has that name as an alias.
"""

from collections.abc import Mapping

_HINTS = {
    "back unaway unafk": "You are back as soon as you say something.",
    "clear cls": "Only your own terminal can clear its screen.",
    "version ver": "threadchat --version shows it to the person who runs the server.",
    "log logs scrollback": "/last shows what was said; /search finds more.",
    "seen whowas": "Only those that are here are known: /who lists them.",
    "date clock": "/time on shows the time before each line.",
    "rules info news": "/motd shows what the person who runs the server has to say.",
    "ping": "The server is there, as you read this.",
    "invite": "Rooms are open to all: /msg NAME WORDS tells somebody of one.",
    "register identify login logon auth nickserv ns pass password": (
        "/protect alone keeps your name; a passphrase is asked for, unseen."
    ),
    "yell shout broadcast": "Words without a command go to everybody in the room.",
    "edit": "/unsay takes your last line back.",
    "server connect reconnect": "/quit leaves, and your own program connects elsewhere.",
    "set settings config options": "/help settings explains what can be set.",
    "raw quote ctcp dcc mode chanserv cs": "This is not IRC. /help shows what is here.",
}

HINTS: Mapping[str, str] = {name: hint for names, hint in _HINTS.items() for name in names.split()}
"""What to do instead, by the name of a command that other chats have. A command goes before."""

_MIN_BEGINNING = 3
"""The fewest letters by which the rest of a name is guessed."""


def closest(name: str, known: Mapping[str, str]) -> str | None:
    """Return the command that was meant by `name`, None if none is close.

    `known` has the commands by all their names. A name is close if one or two letters are wrong,
    missing, too many or exchanged, or if only one command begins like that.
    """
    if len(name) < _MIN_BEGINNING:
        return None
    begun = {command for other, command in known.items() if other.startswith(name)}
    if len(begun) == 1:
        return begun.pop()
    most = 1 if len(name) <= 5 else 2
    near = [
        (slips, command)
        for other, command in known.items()
        if abs(len(other) - len(name)) <= most and (slips := slips_between(name, other)) <= most
    ]
    return min(near, key=lambda it: it[0])[1] if near else None


def slips_between(one: str, other: str) -> int:
    """Return how many letters are wrong, missing, too many, or exchanged with the next one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            slips = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if above and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                slips = min(slips, above[j - 2] + 1)
            row.append(slips)
    return row[-1]
