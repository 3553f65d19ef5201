"""The commands of operators, and those by which people become operators.

The person at the server's own terminal is an operator, and so is a person that was made one. Every
act that concerns others is logged with the name of the operator.
"""

import contextlib
import math
import time

from threadchat.access.bans import (
    BadBan,
    Ban,
    parse_ban,
    parse_target,
    show_target,
)
from threadchat.chat.chat import Chat
from threadchat.chat.countdown import MAX_COUNTDOWN
from threadchat.chat.person import Person
from threadchat.commands.people import somebody
from threadchat.commands.registry import Registry
from threadchat.messages.kinds import (
    Announcement,
    Muted,
    Notice,
    Problem,
    StopAnnounced,
    Unmuted,
)
from threadchat.monitoring.stats import lines as lines_of
from threadchat.net.disconnect import Reason
from threadchat.storage.records import RecordsFailed
from threadchat.text.times import FORMS, BadTime, for_and_until, moment, parse_time

registry = Registry("operators")
"""The commands of operators."""

_OP_QUESTION = "Passphrase of the operators: "


@registry.command(
    "motd",
    "[WORDS]",
    "show the message of the day; operators change it",
    takes_rest=True,
    is_aloud=True,
)
def motd(chat: Chat, person: Person, argument: str) -> None:
    """Show the message of the day, or replace it until the server is started again."""
    if argument and not person.is_operator:
        person.tell(Problem("Only operators change the message of the day. /motd shows it."))
        return
    if argument:
        chat.rules.motd = [argument]
        chat.log_act(person, f"set the message of the day: {argument}")
    person.tell(*map(Notice, chat.rules.motd or ["There is no message of the day."]))


@registry.command(
    "op",
    "[NAME]",
    "become an operator by a passphrase, or make somebody one",
    takes_rest=True,  # so that a passphrase is answered with where to type it
    aliases=("oper",),
)
def op(chat: Chat, person: Person, argument: str) -> None:
    """Make the person an operator if they know the passphrase, or make somebody else one."""
    rules = chat.rules
    if person.is_operator and argument:
        other = somebody(chat, person, argument)
        if other is not None and other.is_operator:
            person.tell(Problem(f"{other.name} is an operator already."))
        elif other is not None:
            other.is_operator = True
            chat.log_act(person, f"made {other.name} an operator")
            other.tell(Notice(f"{person.name} made you an operator. /help lists what you can do."))
            person.tell(Notice(f"{other.name} is an operator until they leave."))
    elif person.is_operator:
        person.tell(Notice("You are an operator. /op NAME makes somebody else one."))
    elif argument:
        person.tell(Problem("Type /op alone: the passphrase is asked for, unseen."))
    elif not rules.has_op_password:
        person.tell(
            Problem(
                "There is no passphrase for operators here. Ask the person who runs the server."
            )
        )
    elif chat.passwords.ask(person, _OP_QUESTION, rules.is_op_password):
        person.is_operator = True
        chat.log_act(person, "became an operator by the passphrase")
        person.tell(Notice("You are an operator until you leave. /help lists what you can do."))


@registry.command("deop", "NAME", "take away somebody's operator rights", is_for_operators=True)
def deop(chat: Chat, person: Person, argument: str) -> None:
    """Take away somebody's operator rights."""
    other = _another(chat, person, argument)
    if other is not None and not other.is_operator:
        person.tell(Problem(f"{other.name} is no operator."))
    elif other is not None:
        other.is_operator = False
        chat.log_act(person, f"made {other.name} an operator no longer")
        other.tell(Notice(f"{person.name} made you an operator no longer."))
        person.tell(Notice(f"{other.name} is an operator no longer."))


def _another(chat: Chat, person: Person, name: str) -> Person | None:
    """Return the other person called `name`.

    Return None if there is none, or if `person` cannot do this to them; `person` was told why.
    """
    other = somebody(chat, person, name)
    if other is person:
        person.tell(Problem("That is you."))
        return None
    if other is not None and other.connection is None:
        person.tell(Problem(f"{other.name} sits at the server's own terminal."))
        return None
    return other


@registry.command(
    "say",
    "WORDS",
    "announce something to everybody, in all rooms",
    takes_rest=True,
    is_aloud=True,
    is_for_operators=True,
)
def say(chat: Chat, person: Person, argument: str) -> None:
    """Announce something in all rooms."""
    chat.log_act(person, f"announced: {argument}")
    chat.announce_everywhere(Announcement(person.name, argument))


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
    other = _another(chat, person, name)
    if other is not None:
        because = _because(why)
        chat.log_act(person, f"kicked {other.name}{because}")
        _end(other, Reason.KICKED, f"{person.name}{because}")
        person.tell(Notice(f"{other.name} is kicked."))


def _because(why: str) -> str:
    return f": {why.strip()}" if why.strip() else ""


def _end(person: Person, reason: Reason, by: str) -> None:
    connection = person.connection  # it becomes None when the connection ends
    if connection is not None:
        connection.end(f"{reason} by {by}", f"You were {reason} by {by}")


@registry.command(
    "mute",
    "NAME [TIME]",
    "let somebody read, but not speak",
    takes_rest=True,
    is_for_operators=True,
    example=f"/mute mallory 10m; a TIME is like {FORMS}",
)
def mute(chat: Chat, person: Person, argument: str) -> None:
    """Prevent somebody from speaking, for a time or until `/unmute`."""
    name, _, length = argument.partition(" ")
    try:
        seconds = parse_time(length) if length.strip() else None
    except BadTime as error:
        raise BadTime(f"{error} Without one it is for good.") from None
    other = _another(chat, person, name)
    if other is not None:
        chat.names.mute(other.name, math.inf if seconds is None else seconds)
        for_ = _for_and_until(seconds)
        chat.log_act(person, f"muted {other.name} {for_}")
        other.tell(Muted(person.name, seconds))
        person.tell(Notice(f"{other.name} is muted {for_}. /unmute {other.name} undoes it."))


def _for_and_until(seconds: float | None) -> str:
    return "for good" if seconds is None else for_and_until(seconds, time.time())


@registry.command("unmute", "NAME", "let somebody speak again", is_for_operators=True)
def unmute(chat: Chat, person: Person, argument: str) -> None:
    """Let somebody speak again, even if they are not here."""
    if not chat.names.unmute(argument):
        person.tell(Problem(f"{argument[:20]} is not muted."))
        return
    chat.log_act(person, f"unmuted {argument}")
    with contextlib.suppress(KeyError):  # the person need not be here
        chat.names.find(argument).tell(Unmuted(person.name))
    person.tell(Notice(f"{argument} may speak again."))


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
    records = chat.records
    try:
        target, seconds, why = parse_ban(argument)
    except BadBan as error:
        person.tell(Problem(str(error)))
        return
    if Ban(target, "", "", 0.0).keeps_out(person.name, person.host):
        person.tell(Problem(f"{show_target(target)} would keep you out, too. Nothing is banned."))
        return
    banned = f"{show_target(target)} {_for_and_until(seconds)}"
    until = "" if seconds is None else f" {_for_and_until(seconds)}"
    try:
        records.ban(target, person.name, why, seconds)
    except RecordsFailed as error:  # the ban counts anyway, until the server stops
        chat.tell_of_failure(person, error)
    else:
        reason = f" Reason: {why}" if why else ""
        person.tell(Notice(f"Banned {banned}. /unban {show_target(target)} undoes it.{reason}"))
    chat.log_act(person, f"banned {banned}{_because(why)}")
    for other in chat.names.everybody():
        if Ban(target, "", "", 0.0).keeps_out(other.name, other.host):
            _end(other, Reason.BANNED, f"{person.name}{until}{_because(why)}")
            if isinstance(target, str) and other.host:
                person.tell(Notice(f"/ban {other.host} would keep their address out as well."))


@registry.command("unban", "NAME|ADDRESS|NETWORK", "end a ban", is_for_operators=True)
def unban(chat: Chat, person: Person, argument: str) -> None:
    """End a ban."""
    try:
        target = parse_target(argument)
        was_banned = chat.records.unban(target)
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


@registry.command("stats", "", "show how the server is doing", is_for_operators=True)
def stats(chat: Chat, person: Person, argument: str) -> None:
    """Show the figures of the server."""
    person.tell(*map(Notice, lines_of(chat.control.stats())))


@registry.command(
    "stop",
    "[TIME|off]",
    "stop the server, after a countdown that everybody sees",
    takes_rest=True,
    is_for_operators=True,
    example="/stop 5m, and /stop off to call it off; a number alone is seconds",
)
def stop(chat: Chat, person: Person, argument: str) -> None:
    """Stop the server now or after a countdown, or call the countdown off."""
    if argument.lower() == "off":
        if chat.countdown.call_off():
            chat.log_act(person, "called the stop off")
            chat.announce_everywhere(StopAnnounced(None))
        else:
            person.tell(Problem("No stop is under way. /stop TIME begins one."))
        return
    try:
        length = parse_time(argument or "0", is_number_enough=True, most=MAX_COUNTDOWN)
    except BadTime as error:
        raise BadTime(f"{error} /stop off calls a stop off.") from None
    seconds = math.ceil(length)
    chat.log_act(person, f"stops the server in {seconds} s")
    if seconds:
        now = time.time()
        end = moment(now + seconds, now)
        person.tell(Notice(f"The server stops at {end}. /stop off calls it off."))
    chat.countdown.start(seconds)
