"""The commands of operators about protected names: list them, and free one."""

import contextlib

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.passwords import tell_of_freed
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.errors import PersonError
from threadchat.messages.kinds import Notice, Problem
from threadchat.storage.records import Protected
from threadchat.text.names import fold_name
from threadchat.text.phrases import minute

registry = Registry("operators")
"""The commands about protected names."""

MAX_LISTED = 50
"""The most names that `/protected` lists."""


@registry.command(
    "protected",
    "[BEGINNING]",
    "list the protected names, newest first",
    is_for_operators=True,
    example="/protected al, and /protected 192.168.1.66 for those from an address",
)
def protected(chat: Chat, person: Person, argument: str) -> None:
    """List the protected names, or those that begin so, or were protected from such an address."""
    beginning = fold_name(argument)
    found = [
        it
        for it in reversed(chat.records.all_protected())
        if fold_name(it.name).startswith(beginning) or it.address.startswith(argument)
    ]
    if not found:
        person.tell(Notice("No such name is protected." if argument else "No name is protected."))
        return
    lines = [_line_of(it) for it in found[:MAX_LISTED]]
    if len(found) > MAX_LISTED:
        others = len(found) - MAX_LISTED
        lines.append(f"and {others:,} others. /protected BEGINNING lists those that begin so.")
    person.tell(*map(Notice, lines), Notice("/free NAME lets anybody have a name again."))


def _line_of(protected: Protected) -> str:
    where = f", from {protected.address}" if protected.address else ""
    return f"{protected.name} since {minute(protected.since)}{where}"


@registry.command(
    "free",
    "NAME",
    "let anybody have a protected name again, and delete its mail",
    is_for_operators=True,
)
def free(chat: Chat, person: Person, argument: str) -> None:
    """End the protection of somebody's name."""
    known = chat.records.protected(argument)
    if known is None:
        person.tell(Problem(f"{argument[:20]} is not protected. /protected lists what is."))
        return
    chat.passwords.free(known)
    chat.log_act(person, f"freed the name {known.name}")
    with contextlib.suppress(KeyError):  # its owner need not be here
        owner = chat.names.find(known.name)
        if chat.sharing is not None and isinstance(owner, FarPerson):
            with contextlib.suppress(PersonError):  # there is no link: it is free anyway
                chat.sharing.have_done("freed", owner, person.name)
        else:
            tell_of_freed(owner, person.name)
    person.tell(Notice(f"{known.name} is free: anybody may have it. Its mail is deleted."))
