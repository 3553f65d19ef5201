"""The commands of operators, and those by which people become operators.

The person at the server's own terminal is an operator, and so is a person that was made one. Every
act that concerns others is logged with the name of the operator.
"""

import math
import time

from threadchat.chat.chat import Chat
from threadchat.chat.countdown import MAX_COUNTDOWN
from threadchat.chat.farperson import FarPerson
from threadchat.chat.moderation import make_operator, unmake_operator
from threadchat.chat.person import Person
from threadchat.commands.moderation import another
from threadchat.commands.people import somebody
from threadchat.commands.registry import Registry
from threadchat.messages.kinds import (
    Announcement,
    Notice,
    Problem,
)
from threadchat.monitoring.stats import lines as lines_of
from threadchat.text.times import BadTime, moment, parse_time

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
    if argument and not chat.may_act(person):
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
    if person.is_operator and argument and not chat.may_act(person):
        return
    if person.is_operator and argument:
        other = somebody(chat, person, argument)
        if other is not None and other.is_hook:
            person.tell(Problem(f"{other.name} is a hook, and types no commands."))
        elif other is not None and other.is_operator:
            person.tell(Problem(f"{other.name} is an operator already."))
        elif other is not None:
            done = f"{other.name} is an operator until they leave."
            if chat.sharing is not None and isinstance(other, FarPerson):
                done = chat.sharing.have_done("op", other, person.name) or done
            else:
                make_operator(other, person.name)
            chat.log_act(person, f"made {other.name} an operator")
            person.tell(Notice(done))
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
    other = another(chat, person, argument)
    if other is not None and not other.is_operator:
        person.tell(Problem(f"{other.name} is no operator."))
    elif other is not None:
        done = f"{other.name} is an operator no longer."
        if chat.sharing is not None and isinstance(other, FarPerson):
            done = chat.sharing.have_done("deop", other, person.name) or done
        else:
            unmake_operator(other, person.name)
        chat.log_act(person, f"made {other.name} an operator no longer")
        person.tell(Notice(done))


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
    chat.announcements.announce(Announcement(person.name, argument))


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
    example="/stop 5m, and /stop off to call it off; a number alone is seconds;"
    " linked servers go on",
)
def stop(chat: Chat, person: Person, argument: str) -> None:
    """Stop the server now or after a countdown, or call the countdown off."""
    if argument.lower() == "off":
        if chat.announcements.call_off_the_stop():
            chat.log_act(person, "called the stop off")
        else:
            person.tell(Problem("No stop is under way. /stop TIME begins one."))
        return
    try:
        length = parse_time(argument or "0", is_number_enough=True, most=MAX_COUNTDOWN)
    except BadTime as error:
        raise BadTime(f"{error} /stop off calls a stop off.") from None
    seconds = math.ceil(length)
    chat.log_act(person, f"stops the server in {seconds} s" if seconds else "stops the server")
    if seconds:
        now = time.time()
        end = moment(now + seconds, now)
        person.tell(Notice(f"The server stops at {end}. /stop off calls it off."))
    chat.countdown.start(seconds)
