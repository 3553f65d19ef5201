"""Make the people of all linked servers known to each other, with one name for each.

A name is claimed by the log before a person here has it, and what the others have to know of the
person follows. What the log tells of people elsewhere goes to `FarPeople`.
"""

from dataclasses import dataclass, field
from threading import Event, Lock

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson, is_idle
from threadchat.chat.hooks import Hook
from threadchat.chat.person import Person
from threadchat.link.deliveries import (
    CameTogether,
    Claimed,
    Delivery,
    NameLost,
    PersonForgotten,
    PersonKnown,
    WentApart,
)
from threadchat.link.facts import facts_in, facts_text
from threadchat.link.farnotices import FarNotices
from threadchat.link.later import Later, rename_anew
from threadchat.link.link import Link
from threadchat.link.nodes import server_of
from threadchat.link.notices import Notices
from threadchat.text.names import BadName, fold_name, skeleton

CLAIM_SECONDS = 6.0
"""How long a person waits until it is known whether a name is free. Without a link it is sooner."""


@dataclass(slots=True, eq=False)
class _Claim:
    """A claim that a thread waits for."""

    decided: Event = field(default_factory=Event)
    is_theirs: bool = False


@dataclass(slots=True, eq=False)
class _Here:
    """Somebody on this server: the name that they have, and what the others were told of them."""

    person: Person
    fold: str
    text: str = ""
    brief: object = None


class LinkedPeople:
    """The people of one server that is linked; the `Elsewhere` of its chat. For any thread."""

    def __init__(self, node: str, link: Link, notices: Notices, chat: Chat) -> None:
        self._node = node
        self._link = link
        self._chat = chat
        self._later = Later(chat.observer.failed)
        self._letters = FarNotices(node, notices, chat, self.find_here, key_of, self._later.add)
        self._is_apart = False
        # Guards the four below. What is told of people is sent with it held, so that it goes out
        # in the order in which it became true.
        self._lock = Lock()
        self._is_hushed = False
        self._claims: dict[tuple[str, str], _Claim] = {}  # by the name, folded, and the key
        self._here: dict[str, _Here] = {}  # by key
        self._seats: dict[tuple[str, str], Person] = {}  # as `_claims`; nobody waits for these
        chat.names.elsewhere = self
        for person in chat.names.all_here():
            self.seat(person)

    @property
    def is_out_of_reach(self) -> bool:
        """Whether there is no link now, so that the others are told and tell things later."""
        return self._is_apart

    def find_here(self, key: str) -> Person | None:
        """Return the person on this server for whom `key` stands; None if they are gone."""
        with self._lock:
            here = self._here.get(key)
        return None if here is None or here.person.has_left else here.person

    def look_after(self) -> None:
        """Tell the others what has become of people here. Called about once a second."""
        with self._lock:
            everybody = list(self._here.values())
        clock_now = self._chat.clock()
        for here in everybody:
            if _brief(here.person, clock_now) != here.brief:
                self.changed(here.person)
        self._later.go_on()

    def close(self, timeout: float) -> None:
        """Give no names any more; wait up to `timeout` seconds for the thread that does."""
        self._later.close(timeout)

    # For the chat

    def claim(self, person: Person, name: str) -> bool:
        """Return whether `person` may have `name` on all servers; wait until that is known.

        Raise `BadName` if it is not known in `CLAIM_SECONDS`.
        """
        fold, key = fold_name(name), key_of(person)
        claim = _Claim()
        with self._lock:
            if self._is_hushed:
                return False
            self._claims[fold, key] = claim
        facts = self._chat.names.facts_of(person, name=name)
        self._link.claim(fold, skeleton(name), key, facts_text(facts))
        claim.decided.wait(CLAIM_SECONDS)
        with self._lock:
            if self._claims.get((fold, key)) is claim:
                del self._claims[fold, key]
            if claim.is_theirs:
                self._here.setdefault(key, _Here(person, fold))
        if not claim.decided.is_set():  # if it is theirs after all, `_claimed` frees it
            raise BadName(
                f"The other servers have not answered yet whether {name} is free."
                " Please try again in a moment."
            )
        return claim.is_theirs

    def release(self, person: Person, name: str) -> None:
        """Let all servers know that `person` does not have `name` any more."""
        key, fold = key_of(person), self._names_of(person, name)[0]
        with self._lock:
            here = self._here.get(key)
            if here is not None and here.fold == fold:
                del self._here[key]
            self._link.release(fold, key)
            if here is not None:
                here.text = ""  # they may take the person to have that name, and are told anew
        if here is not None and here.fold != fold:
            self.changed(person)

    def seat(self, person: Person) -> None:
        """Let all servers know of somebody that has a name here, whatever speaks against that."""
        fold, look = self._names_of(person, person.name)
        key = key_of(person)
        text = facts_text(self._chat.names.facts_of(person))
        with self._lock:
            self._seats[fold, key] = person
            self._here[key] = _Here(person, fold, text)
        self._link.claim(fold, look, key, text)

    def changed(self, person: Person, lost_after: float = 0.0) -> None:
        """Let all servers know what has become of `person`; for `lost_after` see `Facts`."""
        key, clock_now = key_of(person), self._chat.clock()
        with self._lock:
            here = self._here.get(key)
            if here is None:
                return
            facts = self._chat.names.facts_of(person, lost_after=lost_after)
            text = facts_text(facts)
            fold = self._names_of(person, person.name)[0]
            here.brief = _brief(person, clock_now)
            if (fold, text) != (here.fold, here.text):
                here.fold, here.text = fold, text
                self._link.update(fold, key, text)

    def make_way(self, holder: FarPerson, person: Person, *, is_proven: bool) -> bool | None:
        """Ask that the connection of `holder` is ended: see `Elsewhere`."""
        if self._is_apart:
            return None
        return self._letters.make_way(holder, person, is_proven=is_proven)

    def server_of(self, node: str) -> str:
        """Return how operators call the server of a node."""
        return server_of(node)

    def hush(self) -> None:
        """Let nobody wait any more, as this server stops."""
        self._letters.hush()
        with self._lock:
            self._is_hushed = True
            for claim in self._claims.values():
                claim.decided.set()

    def whisper(self, person: Person, recipient: FarPerson, text: str) -> None:
        """Say `text` from `person` to `recipient` alone."""
        self._letters.whisper(person, recipient, text)

    def _names_of(self, person: Person, name: str) -> tuple[str, str]:
        """Return by which texts `name` is claimed for `person`, and what looks like it."""
        if person.id or person.is_hook:
            return fold_name(name), skeleton(name)
        # Each server has an operator at its own terminal, and they all have one name.
        return f"{fold_name(name)} {self._node}", f"{skeleton(name)} {self._node}"

    # What the log tells

    def take(self, delivery: Delivery) -> None:
        """Do what the log tells of people."""
        match delivery:
            case PersonKnown(it):
                facts = facts_in(it.data)
                self._chat.far.know(it.node, it.person, it.fold, it.look, facts, self)
            case PersonForgotten(it):
                self._chat.far.forget(it.node, it.person, it.fold, it.look)
            case Claimed():
                self._claimed(delivery)
            case NameLost(key, fold):
                self._name_lost(key, fold)
            case WentApart():
                self._is_apart = True
            case CameTogether():
                self._is_apart = False

    def _claimed(self, it: Claimed) -> None:
        with self._lock:
            claim = self._claims.pop((it.fold, it.person), None)
            if claim is not None:
                claim.is_theirs = it.is_theirs
                claim.decided.set()
                return
            seat = self._seats.pop((it.fold, it.person), None)
            if seat is None and it.is_theirs:
                self._link.release(it.fold, it.person)  # nobody waits for it any more
        if seat is not None and not it.is_theirs:
            self._name_lost(it.person, it.fold)

    def _name_lost(self, key: str, fold: str) -> None:
        person = self.find_here(key)
        if person is None:
            return
        if person.is_hook:
            self._chat.observer.warn(
                f"the hook {person.name} has the name of somebody on another server:"
                f" unhook {person.name} ends it, and hook makes one of another name"
            )
        elif person.id:
            self._later.add(lambda: rename_anew(self._chat, person, fold))


def key_of(person: Person) -> str:
    """Return the text that stands for a person of this server among those of all servers."""
    if isinstance(person, Hook):
        return f"hook {fold_name(person.kept.name)}"
    return str(person.id)


def _brief(person: Person, clock_now: float) -> object:
    """Return something that is equal as long as others need not be told anything new."""
    identity = person.identity.current
    return (
        person.room and person.room.name,
        person.away,
        person.is_operator,
        person.address,
        is_idle(person, clock_now),
        identity,
        identity.records,
        identity.ignored,
    )
