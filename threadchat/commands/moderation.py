"""The commands by which operators keep order: kick, mute, ban.

A mute or a ban of somebody goes by the name and by who they are; their address is left alone unless
an operator names it, because others may share it.
"""

import contextlib
import math
import time
from collections.abc import Collection

from threadchat.access.bans import (
    BadBan,
    Ban,
    NoAddress,
    Target,
    key_of,
    parse_ban,
    parse_target,
    show_target,
)
from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.identity import NOBODY
from threadchat.chat.person import Person
from threadchat.commands.people import somebody
from threadchat.commands.registry import Registry
from threadchat.messages.kinds import Muted, Notice, Problem, Unmuted
from threadchat.net.disconnect import Reason
from threadchat.storage.records import RecordsFailed
from threadchat.text.phrases import count_people
from threadchat.text.times import FORMS, BadTime, for_and_until, parse_time

registry = Registry("operators")
"""The commands by which operators keep order."""


def another(chat: Chat, person: Person, name: str) -> Person | None:
    """Return the other person called `name`.

    Return None if there is none, or if `person` cannot do this to them; `person` was told why.
    """
    other = somebody(chat, person, name)
    if other is None:
        _tell_of_new_name(chat, person, name)
        return None
    if other is person:
        person.tell(Problem("That is you."))
        return None
    if other.is_hook:
        person.tell(
            Problem(
                f"{other.name} is a hook, by which a program speaks. /mute {other.name} silences"
                f" it, and unhook {other.name} at the server's own terminal ends it."
            )
        )
        return None
    if other.connection is None and not isinstance(other, FarPerson):
        person.tell(Problem(f"{other.name} sits at the server's own terminal."))
        return None
    return other


def _tell_of_new_name(chat: Chat, person: Person, name: str) -> None:
    """Tell `person` if somebody here has just given up `name`, as to get away."""
    other = chat.moderation.formerly_called(name)
    if other is not None and other is not person:
        person.tell(Notice(f"{other.name} was called {name} before."))


@registry.command(
    "kick",
    "NAME [WHY]",
    "end somebody's connection",
    takes_rest=True,
    is_for_operators=True,
    example="/kick mallory mind your language",
)
def kick(chat: Chat, person: Person, argument: str) -> None:
    """End somebody's connection."""
    name, _, why = argument.partition(" ")
    other = another(chat, person, name)
    if other is None:
        return
    because = _because(why)
    done = f"{other.name} is kicked."
    if chat.sharing is not None and isinstance(other, FarPerson):
        done = chat.sharing.have_done("kick", other, person.name, because) or done
    chat.log_act(person, f"kicked {other.name}{because}")
    _end(other, Reason.KICKED, f"{person.name}{because}")
    person.tell(Notice(done))


def _because(why: str) -> str:
    return f": {why.strip()}" if why.strip() else ""


def _end(person: Person, reason: Reason, by: str) -> None:
    connection = person.connection  # it becomes None when the connection ends
    if connection is not None:
        connection.end(f"{reason} by {by}", f"You were {reason} by {by}")


@registry.command(
    "mute",
    "[NAME|ADDRESS|NETWORK] [TIME]",
    "let somebody read, but not speak, or list the mutes",
    takes_rest=True,
    is_for_operators=True,
    example=f"/mute mallory 10m; a TIME is like {FORMS}",
)
def mute(chat: Chat, person: Person, argument: str) -> None:
    """Prevent somebody from speaking, for a time or until `/unmute`; list the mutes."""
    if not argument:
        person.tell(*map(Notice, chat.moderation.mutes() or ["Nobody is muted."]))
        return
    name, _, length = argument.partition(" ")
    try:
        seconds = parse_time(length) if length.strip() else None
    except BadTime as error:
        raise BadTime(f"{error} Without one it is for good.") from None
    target = _target_of_mute(chat, person, name)
    if target is None:
        return
    shown = show_target(target)
    for_ = _for_and_until(seconds)
    muted = chat.moderation.mute(target, math.inf if seconds is None else seconds, person.name)
    chat.log_act(person, f"muted {shown} {for_}")
    for other in muted:
        other.tell(Muted(person.name, seconds))
    person.tell(Notice(f"{shown} is muted {for_}. /unmute {shown} undoes it."))
    if isinstance(target, str):
        _tell_what_it_follows(chat, person, target, "mute", muted)
    else:
        person.tell(Notice(f"{count_people(len(muted), 'muted by that')}."))


def _target_of_mute(chat: Chat, person: Person, name: str) -> Target | None:
    """Return what `name` stands for; None if it cannot be muted, and then `person` was told why."""
    try:
        target = parse_target(name)
    except NoAddress as error:
        if not chat.names.is_here(name):
            person.tell(Problem(str(error)))
            return None
        target = name
    except BadBan:  # no name that anybody could have, as `another` says
        target = name
    if isinstance(target, str):
        with contextlib.suppress(KeyError):  # a hook of any server
            if (hook := chat.names.find(target)).is_hook:
                return hook.name
        other = another(chat, person, target)
        return None if other is None else other.name
    if Ban(target, "", "", 0.0).keeps_out("", person.host):
        person.tell(Problem(f"{name} would mute you, too. Nobody is muted."))
        return None
    return target


def _for_and_until(seconds: float | None) -> str:
    return "for good" if seconds is None else for_and_until(seconds, time.time())


def _tell_what_it_follows(
    chat: Chat, person: Person, name: str, verb: str, people: Collection[Person]
) -> None:
    """Tell `person` what a mute or a ban of `name` goes by, and what else they could do."""
    person.tell(
        Notice(
            "It goes by the name, by names that look like it, and by the person: under other names,"
            " too, and after coming back with one of them within 2 min or with a passphrase."
        )
    )
    if spared := chat.moderation.others_like(name):
        person.tell(Notice(f"{', '.join(sorted(spared))}: somebody else's, and left alone."))
    for host in sorted({it.host for it in people if it.host}):
        person.tell(Notice(f"/{verb} {host} would {_WOULD[verb]} their address as well."))


_WOULD = {"mute": "mute", "ban": "keep out"}


@registry.command(
    "unmute", "NAME|ADDRESS|NETWORK", "let somebody speak again", is_for_operators=True
)
def unmute(chat: Chat, person: Person, argument: str) -> None:
    """Let somebody speak again, even if they are not here."""
    target: Target = argument
    with contextlib.suppress(BadBan):
        target = parse_target(argument)
    freed = chat.moderation.unmute(target, person.name)
    shown = show_target(target)
    if freed is None:
        person.tell(Problem(f"{shown[:50]} is not muted. /mute lists all mutes."))
        return
    chat.log_act(person, f"unmuted {shown}")
    for other in freed:
        other.tell(Unmuted(person.name))
    person.tell(Notice(f"{shown} may speak again."))


@registry.command(
    "ban",
    "NAME|ADDRESS|NETWORK [TIME] [WHY]",
    "keep a name, an address or a network out",
    takes_rest=True,
    is_for_operators=True,
    example=f"/ban 192.168.1.66 2h flooding; a TIME is like {FORMS}",
)
def ban(chat: Chat, person: Person, argument: str) -> None:
    """Keep a name or addresses out, for a time or until `/unban`.

    End the connections of people that have that name or those addresses now.
    """
    try:
        target, seconds, why = parse_ban(argument)
    except BadBan as error:
        person.tell(Problem(str(error)))
        return
    them = chat.names.find_called(target) if isinstance(target, str) else NOBODY
    spared = chat.moderation.others_like(target) if isinstance(target, str) else set()
    hits = Ban(target, "", "", 0.0, spared=frozenset(spared))
    if them is person.identity or hits.keeps_out(person.name, person.host):
        person.tell(Problem(f"{show_target(target)} would keep you out, too. Nothing is banned."))
        return
    if isinstance(target, str):  # before the ban, as other servers are told both at once
        chat.moderation.ban(them, target)
    _set_ban(chat, person, target, seconds, why, spared)
    ban = chat.records.all_bans.find(key_of(target))
    ended = [] if ban is None else chat.moderation.enforce(ban)
    if isinstance(target, str) and not ended:
        _tell_of_new_name(chat, person, target)
    if isinstance(target, str):
        # A restart forgets who had which name, and these outlive one.
        for protected in chat.names.records_of(them):
            if not hits.is_of_name(protected.name):
                _set_ban(chat, person, protected.name, seconds, why)
        _tell_what_it_follows(chat, person, target, "ban", ended)


def _set_ban(
    chat: Chat,
    person: Person,
    target: Target,
    seconds: float | None,
    why: str,
    spared: Collection[str] = (),
) -> None:
    """Ban `target`; tell `person`, and log it."""
    shown = show_target(target)
    banned = f"{shown} {_for_and_until(seconds)}"
    try:
        chat.records.ban(target, person.name, why, seconds, spared)
    except RecordsFailed as error:  # the ban counts anyway, until the server stops
        chat.tell_of_failure(person, error)
    else:
        reason = f" Reason: {why}" if why else ""
        person.tell(Notice(f"Banned {banned}. /unban {shown} undoes it.{reason}"))
    chat.log_act(person, f"banned {banned}{_because(why)}")


@registry.command("unban", "NAME|ADDRESS|NETWORK", "end a ban", is_for_operators=True)
def unban(chat: Chat, person: Person, argument: str) -> None:
    """End a ban."""
    try:
        target = parse_target(argument)
        chat.moderation.unban(target)
        was_banned = chat.records.unban(target, person.name)
    except BadBan as error:
        person.tell(Problem(str(error)))
    except RecordsFailed as error:
        chat.tell_of_failure(person, error)
    else:
        if was_banned:
            chat.log_act(person, f"unbanned {show_target(target)}")
            person.tell(Notice(f"{show_target(target)} is banned no longer."))
        else:
            person.tell(Problem(f"{show_target(target)} is not banned. /bans lists all bans."))


@registry.command(
    "bans", "[WORD]", "list the bans, with operator and reason", is_for_operators=True
)
def bans(chat: Chat, person: Person, argument: str) -> None:
    """List the bans, newest first, or those that have a word in their lines."""
    records, wanted = chat.records, argument.casefold()
    lines = [entry.line(records.now()) for entry in reversed(records.bans())]
    known = [line for line in lines if wanted in line.casefold()]
    nobody = "No ban has that word. /bans lists all." if lines else "Nobody is banned."
    person.tell(*map(Notice, known or [nobody]))
