"""Ask people for passwords: the server's, the operators', and those of protected names.

A wrong password slows down everybody at that address. Three wrong ones end the connection.
Protecting a name needs a server with a history file; if the file fails, `RecordsFailed` is raised.
"""

import math
from collections.abc import Callable

from threadchat.access import passphrase
from threadchat.access.limiter import Tries
from threadchat.chat.names import Names
from threadchat.chat.person import Person
from threadchat.errors import PersonError
from threadchat.messages.kinds import Notice, Problem
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Protected, Records
from threadchat.text.phrases import duration

MAX_WRONG_PASSWORDS = 3

_WAIT_WORTH_TELLING = 1.5
"""A wait of at least so many seconds is explained to the person."""


class Passwords:
    """Judges the passwords that people give. Each method is for the thread of its person.

    `tries` counts the recent wrong passwords of each address.
    """

    def __init__(self, records: Records, names: Names, tries: Tries) -> None:
        self._records = records
        self._names = names
        self._tries = tries

    def is_accepted(self, person: Person, given: str, is_right: Callable[[str], bool]) -> bool:
        """Return whether the password that `person` gave is right; wait first if need be.

        The wait comes from earlier wrong passwords of the same address. After
        `MAX_WRONG_PASSWORDS` on one connection `person.leaving` is set.
        """
        if not self._has_waited(person):
            return False
        if is_right(given):
            self._tries.succeeded(person.host, person.reached)
            return True
        person.wrong_passwords += 1
        if person.wrong_passwords < MAX_WRONG_PASSWORDS:
            person.tell(Problem("That is not it. Try again."))
        else:
            person.tell(Problem(f"That was the wrong one, try {person.wrong_passwords}. Goodbye."))
            person.leaving = Reason.WRONG_PASSWORD
        return False

    def _has_waited(self, person: Person) -> bool:
        """Wait for this address's next try; return False if the person is gone instead."""
        # This is a loop because another connection from that address may have taken the try.
        is_told = False
        while person.connection is not None and (
            delay := self._tries.delay_for(person.host, person.reached)
        ):
            if delay >= _WAIT_WORTH_TELLING and not is_told:
                is_told = True
                wait = duration(math.ceil(delay))
                person.tell(Notice(f"Wrong ones came from your address. Wait {wait}."))
            if not person.connection.pause(delay):
                return False
        return True

    def ask(self, person: Person, question: str, is_right: Callable[[str], bool]) -> bool:
        """Ask `person` until they give the right password; return whether they did.

        An empty line gives up.
        """
        while person.leaving is None and person.connection is not None:
            given = person.connection.ask_secret(question)
            if given is None:
                return False
            if not given:
                person.tell(Notice("Given up."))
                return False
            if self.is_accepted(person, given, is_right):
                return True
        return False

    def prove(self, person: Person, protected: Protected) -> bool:
        """Ask for the passphrase of a protected name; return whether `person` knows it."""
        kept = protected.kept
        question = f"Passphrase of {protected.name} (Enter alone gives up): "
        try:
            return self.ask(person, question, lambda given: passphrase.is_right(given, kept))
        except passphrase.Busy as error:
            person.tell(Problem(str(error)))
            return False

    def protect(self, person: Person) -> None:
        """Let `person` choose a passphrase; from then on nobody gets their name without it.

        Raise `PersonError` if the name cannot be protected.
        """
        if person.connection is None:
            return
        self._check_lasting()
        name = person.name
        chosen = person.connection.ask_secret(f"New passphrase for {name}: ")
        if chosen is None:
            return
        kept = passphrase.make(chosen)
        again = person.connection.ask_secret("The same again: ")
        if again is None:
            return
        if not passphrase.is_right(again, kept):
            raise PersonError(f"Those were two different ones. {name} is as it was.")
        # Operators answer for themselves; of other people, one address has a handful of names.
        address = "" if person.is_operator else person.counted_as
        self._records.protect(name, kept, address)
        self._names.protected(person)
        person.tell(Notice(f"{name} is yours: from now on it asks for that passphrase."))

    def unprotect(self, person: Person) -> None:
        """Let anybody have the name of `person` again.

        Raise `PersonError` if the name is not protected, or if this server keeps no names.
        """
        self._check_lasting()
        protected = self._records.protected(person.name)
        if protected is None:
            raise PersonError(f"{person.name} is not protected. /protect does that.")
        self.free(protected)
        person.tell(Notice(f"{person.name} is no longer protected: anybody may have it."))

    def free(self, protected: Protected) -> None:
        """Let anybody have that name again."""
        self._records.unprotect(protected.name)
        self._names.unprotected(protected.name)

    def _check_lasting(self) -> None:
        if not self._records.is_lasting:
            raise PersonError("This server keeps no names: it was started without --history FILE.")


def tell_of_freed(owner: Person, by: str) -> None:
    """Tell the owner of a name, who is on this server, that an operator has freed it."""
    owner.tell(Notice(f"{by} freed your name: it asks for no passphrase any more."))
