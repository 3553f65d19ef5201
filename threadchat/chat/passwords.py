"""Keep names for who knows their passphrase, and the private messages that come for them meanwhile.

All of this needs a server with a history file; where that fails, `RecordsFailed` is raised. A
wrong password slows down everybody at that address, and three of them end the connection.
"""

import contextlib
import math
from collections.abc import Callable

from threadchat.access import passphrase
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.chat.rules import House
from threadchat.messages.kinds import Notice, Private, Problem
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Protected, RecordsFailed, RecordsFull
from threadchat.text.phrases import duration, minute

MAX_WRONG_PASSWORDS = 3

_WAIT_WORTH_TELLING = 1.5
"""Seconds from which on people should know that, and why, they wait."""


def is_accepted(house: House, person: Person, given: str, is_right: Callable[[str], bool]) -> bool:
    """Judge the password that `person` gave, after the wait that earlier wrong ones earned.

    `person.leaving` is set after `MAX_WRONG_PASSWORDS` on one connection, or if they went.
    """
    # Somebody else at that address may have had the next try meanwhile.
    is_told = False
    while person.door is not None and (delay := house.tries.delay_for(person.host)):
        if delay >= _WAIT_WORTH_TELLING and not is_told:
            is_told = True
            wait = duration(math.ceil(delay))
            person.tell(Notice(f"Wrong ones came from your address. Wait {wait}."))
        if not person.door.pause(delay):
            return False
    if is_right(given):
        house.tries.succeeded(person.host)
        return True
    person.wrong_passwords += 1
    if person.wrong_passwords < MAX_WRONG_PASSWORDS:
        person.tell(Problem("That is not it. Try again."))
    else:
        person.tell(Problem(f"That was the wrong one, try {person.wrong_passwords}. Goodbye."))
        person.leaving = Reason.WRONG_PASSWORD
    return False


def ask(house: House, person: Person, question: str, is_right: Callable[[str], bool]) -> bool:
    """Ask `person` until they give the right password; an empty line gives up."""
    while person.leaving is None and person.door is not None:
        given = person.door.ask_secret(question)
        if given is None:
            return False
        if not given:
            person.tell(Notice("Given up."))
            return False
        if is_accepted(house, person, given, is_right):
            return True
    return False


def prove(chat: Chat, person: Person, protected: Protected) -> bool:
    """Ask for the passphrase of a protected name; return whether `person` knows it."""
    kept = protected.kept
    question = f"Passphrase of {protected.name} (Enter alone gives up): "
    try:
        return ask(chat.house, person, question, lambda it: passphrase.is_right(it, kept))
    except passphrase.Busy as error:
        person.tell(Problem(str(error)))
        return False


def protect(chat: Chat, person: Person) -> None:
    """Have `person` choose a passphrase, without which nobody gets their name any more."""
    if person.door is None or not _is_possible(chat, person):
        return
    name = person.name
    chosen = person.door.ask_secret(f"New passphrase for {name}: ")
    if chosen is None:
        return
    try:
        kept = passphrase.make(chosen)
        again = person.door.ask_secret("The same again: ")
        if again is None:
            return
        if not passphrase.is_right(again, kept):
            person.tell(Problem(f"Those were two different ones. {name} is as it was."))
            return
        chat.house.records.protect(name, kept)
    except (passphrase.BadPassphrase, passphrase.Busy, RecordsFull) as error:
        person.tell(Problem(str(error)))
    else:
        person.tell(Notice(f"{name} is yours: from now on it asks for that passphrase."))


def unprotect(chat: Chat, person: Person) -> None:
    """Let anybody have the name of `person` again."""
    records = chat.house.records
    if not _is_possible(chat, person):
        return
    if records.protected(person.name) is None:
        person.tell(Problem(f"{person.name} is not protected. /protect does that."))
        return
    records.unprotect(person.name)
    person.tell(Notice(f"{person.name} is no longer protected: anybody may have it."))


def _is_possible(chat: Chat, person: Person) -> bool:
    if not chat.house.records.is_lasting:
        person.tell(Problem("This server keeps no names: it was started without --history FILE."))
    return chat.house.records.is_lasting


def keep_letter(chat: Chat, person: Person, name: str, words: str) -> bool:
    """Keep `words` for the owner of `name`, if that is protected and they are not here.

    Return False if there is nobody to keep them for.
    """
    records = chat.house.records
    if chat.is_here(name) or (owner := records.protected(name)) is None:
        return False
    letter = Private(person.name, owner.name, words, is_own=True)
    try:
        if not records.keep(Private(person.name, owner.name, words, at=letter.at)):
            return False
    except RecordsFull as error:
        person.tell(Problem(str(error)))
        return True
    person.tell(letter, Notice(f"{owner.name} is not here and will be handed it on coming back."))
    with contextlib.suppress(KeyError):
        hand_over(chat, chat.find(name))  # they have come in meanwhile
    return True


def hand_over(chat: Chat, person: Person) -> None:
    """Hand `person` the private messages that came for them while they were not here."""
    try:
        _hand_over(chat, person)
    except RecordsFailed as error:
        chat.tell_of_failure(person, error)


def _hand_over(chat: Chat, person: Person) -> None:
    records = chat.house.records
    with chat.house.handing_over:
        letters = records.waiting(person.name)
        if not letters:
            return
        count = "A message" if len(letters) == 1 else f"{len(letters)} messages"
        lines = [
            f"{minute(message.at)} {message.line}" for message in (it.message for it in letters)
        ]
        person.tell(Notice(f"{count} came for you while you were not here:"), *map(Notice, lines))
        person.answers_to = letters[-1].message.sender
        # Only now: what was not handed over must not be lost.
        records.handed_over(letters)
