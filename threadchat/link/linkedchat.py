"""Make one server's chat one with those of other servers.

`LinkedChat` owns the link and the order of the rooms. What the log tells comes to it first, and it
hands each kind to the module that sees to it.
"""

import time
from collections.abc import Sequence

from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Member
from threadchat.chat.order import Order
from threadchat.chat.room import Room
from threadchat.link.absence import ReadUpTo, read_up_to
from threadchat.link.address import LinkAddress
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import (
    Applied,
    CameTogether,
    Delivery,
    EntriesMissed,
    LinkChanged,
    Missed,
    Noticed,
    PeopleCame,
    PeopleGone,
    Provisional,
    Unreadable,
    WentApart,
)
from threadchat.link.facts import room_in
from threadchat.link.link import Link
from threadchat.link.linkedorder import LinkedOrder
from threadchat.link.linkedpeople import LinkedPeople
from threadchat.link.linkedrules import LinkedRules
from threadchat.link.linklines import LinkLines
from threadchat.link.nodes import make_node
from threadchat.link.notices import Data, Notices
from threadchat.link.report import LinkReport
from threadchat.messages.kinds import TopicSet
from threadchat.monitoring.events import Watch
from threadchat.monitoring.linkstate import LinkState
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.storedstretches import StoredStretches
from threadchat.storage.stretches import RememberedStretches, Stretches

NOTE_EVERY = 5.0
"""After how many seconds it is kept again how far the log was read."""

LIMITS = LinkLimits()
"""The bounds of every link."""


class LinkedChat:
    """The link of a chat with those of other servers.

    `server` is a name of this server for operators, such as `box:8000`. `history` is that of the
    chat. Rooms take `order` when they are made, so the chat comes after this: see `attach`.
    """

    def __init__(
        self, address: LinkAddress, server: str, history: LinkedHistory, watch: Watch
    ) -> None:
        self.address = address
        self.node = make_node(server)
        self._watch = watch
        self._chat: Chat | None = None
        self._rules: LinkedRules | None = None
        self._core = LinkCore(self.node, LIMITS, room_of=room_in)
        self._history = history
        before = read_up_to(history.read_up_to(address.cluster))
        self.link = Link(address.url, address.cluster, self._core, self.take, before)
        self._order = LinkedOrder(self.node, self.link, history, self)
        self.notices = Notices(self.link.submit_later, watch.failed)
        self._lines = LinkLines(self._rooms, self._order.show)
        self._noted_at = time.monotonic()
        self._is_noted = before is not None
        self._to_note: ReadUpTo | None = None
        self._report = LinkReport(address.cluster, watch)
        self._people: LinkedPeople | None = None

    @property
    def order(self) -> Order:
        """The order of all rooms of the chat."""
        return self._order

    def attach(self, chat: Chat) -> None:
        """Take the chat whose rooms these are; before `start`."""
        self._chat = chat
        self._people = LinkedPeople(self.node, self.link, self.notices, chat)
        self._rules = LinkedRules(
            chat,
            self.node,
            self.notices,
            lambda: self.link.linked_nodes,
            self._people.find_here,
        )
        self._rules.state.know_gone(self._history.read_up_to(self._gone_key))

    def tell(self, kind: str, data: Data) -> None:
        """Tell all servers something: see `Notices`."""
        self.notices.tell(kind, data)

    def start(self) -> None:
        """Begin to link. Raise `OutOfThreads`."""
        self.link.start()
        if self._rules is not None:
            self._rules.state.ask()

    def state(self) -> LinkState:
        """Return how the link is doing. Any thread may call it."""
        people = {} if self._chat is None else self._chat.far.count_by_node()
        return self.link.state(self.address.cluster, people)

    def close(self, timeout: float) -> None:
        """Send what waits, and leave; wait up to `timeout` seconds. Nobody may speak any more."""
        self.link.close(timeout)
        if self._people is not None:
            self._people.close(0.1 * timeout)
        if self._rules is not None:
            self._note_gone(self._rules)
        self._note_read(self.link.read_up_to)

    def look_after(self) -> None:
        """Do what is to be done about once a second; keep how far the log was read, too."""
        if self._people is not None:
            self._people.look_after()
        if self._rules is not None:
            self._rules.state.look()
            self._note_gone(self._rules)
        now = time.monotonic()
        # For the first time at once: whoever was here for seconds only is to know what they missed.
        if now - self._noted_at >= NOTE_EVERY or not self._is_noted:
            self._noted_at = now
            # By now, the rooms have shown and kept all up to the one of before. If not, it is read
            # again at the next start, and what is known by then changes nothing.
            if self._to_note is not None:
                self._note_read(self._to_note)
                self._is_noted = bool(self._to_note.epoch)
            self._to_note = self.link.read_up_to

    def _note_gone(self, rules: LinkedRules) -> None:
        if text := rules.state.gone():
            self._history.note_read(self._gone_key, text)

    @property
    def _gone_key(self) -> str:
        return f"{self.address.cluster} gone"  # no cluster is called so

    def _note_read(self, up_to: ReadUpTo) -> None:
        if up_to.epoch:
            self._history.note_read(self.address.cluster, up_to.text)

    def take(self, delivery: Delivery) -> None:
        """Do what the log, or the lack of a link, makes to be done. On one thread at a time.

        This must neither raise nor wait: everything of all rooms waits behind it.
        """
        try:
            self._take(delivery)
        except Exception as error:
            # One entry must not end the link, and so all that comes after it (promise 8).
            self._watch.failed("taking what the link has brought", error)

    def _take(self, delivery: Delivery) -> None:
        if isinstance(delivery, Applied):
            self._order.take(delivery)  # nearly all is of this kind
            return
        if self._people is not None:
            self._people.take(delivery)
        match delivery:
            case Provisional():
                self._order.take(delivery)
            case Noticed():
                self.notices.take(delivery)
            case WentApart() | CameTogether():
                self._report.take(delivery)
                self._lines.take(delivery)
                if isinstance(delivery, CameTogether):
                    self._ask_for_rules()
            case EntriesMissed():
                self._ask_for_rules()
            case LinkChanged():
                self._report.take(delivery)
            case Missed() | PeopleGone() | PeopleCame():
                self._lines.take(delivery)
            case Unreadable(position, why):
                self._watch.warn(f"entry {position} of the link is left out: {why}")

    def _ask_for_rules(self) -> None:
        if self._rules is not None:
            self._rules.state.ask()

    # For the order

    def keep_open(self, name: str) -> Room:
        """Return the room called `name`, which stays until it is given up; make it if needed."""
        assert self._chat is not None
        return self._chat.keep_open(name)

    def give_up(self, room: Room) -> None:
        """Let a room be closed that was kept open."""
        if self._chat is not None:
            self._chat.give_up_place(room)

    def saw_topic(self, room: str, message: TopicSet) -> None:
        """Take note that a topic is set in a room by what the order shows next there."""
        if self._rules is not None:
            self._rules.saw_topic(room, message)

    def find_author(self, node: str, name: str) -> Member | None:
        """Return the person on `node` that has `name`; None if it is not known who that is."""
        return None if self._chat is None else self._chat.far.called(node, name)

    def _rooms(self) -> Sequence[Room]:
        return () if self._chat is None else self._chat.rooms()


def linked_history(history: History) -> LinkedHistory:
    """Return a history that keeps in `history` what linked servers say."""
    stretches: Stretches = RememberedStretches()
    if isinstance(history, StoredHistory):
        stretches = StoredStretches(history)
    return LinkedHistory(history, stretches)
