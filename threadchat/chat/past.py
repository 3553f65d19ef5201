"""Know the past of one room: what is shown of it to those that come, and what is taken back in it.

People can go on talking without a history: what fails on their way in is reported, and costs them
no more than what they were to be shown.
"""

from collections.abc import Mapping, Sequence

from threadchat.chat.batch import replay_messages
from threadchat.chat.entries import Join
from threadchat.chat.identity import not_said_by
from threadchat.chat.interfaces import Member, Observer, report
from threadchat.chat.missed import missed_since, recalled
from threadchat.messages.format import dated, render
from threadchat.messages.kinds import Message, Recalled, Repeated, TakenBack
from threadchat.messages.places import Place
from threadchat.storage.history import History


class Past:
    """What `history` remembers of `room`. For the thread with the room's turn.

    `replay` is how many earlier messages a new member is shown. `observer` is told of errors.
    """

    def __init__(self, room: str, history: History, replay: int, observer: Observer) -> None:
        self._room = room
        self._history = history
        self._replay = replay
        self._observer = observer

    def replay(self) -> Sequence[Repeated]:
        """Return what new members are shown."""
        try:
            return recalled(self._history, self._room, self._replay)
        except Exception as error:
            report(self._observer, f"recalling what was said in room {self._room}", error)
            return ()

    def look_back(
        self, joins: Sequence[Join], topic: str
    ) -> tuple[str, Mapping[Member, Sequence[Recalled]]]:
        """Return the topic, and what those of `joins` have missed that come back.

        `topic` is the one that the room has by now, which stays if the history fails. Set the place
        of the last line for each of `joins`.
        """
        missed_by: dict[Member, Sequence[Recalled]] = {}
        try:
            place = self._history.last_place(self._room)
            topic = self._history.topic(self._room)
            for join in joins:
                join.place = place
                if join.since is not None:
                    missed = missed_since(self._history, self._room, join.since)
                    if missed is not None:
                        missed_by[join.member] = missed
        except Exception as error:
            report(self._observer, f"recalling what was missed in room {self._room}", error)
        return topic, missed_by

    def shown_since(self, member: Member, since: Place) -> bytes:
        """Return what a member that goes on is shown that has seen all up to the place `since`.

        Raise what the history raises.
        """
        missed = missed_since(self._history, self._room, since)
        format = member.format
        shown: Sequence[Message]
        if missed is None:  # another epoch: a new beginning
            shown = replay_messages(not_said_by(member.ignores, self.replay()), format)
        else:
            shown = dated(not_said_by(member.ignores, missed), format)
        return b"".join(render(it, format, room=self._room) for it in shown)

    def take_back(self, place: Place) -> TakenBack | None:
        """Take back the line at `place`; see `History.take_back`."""
        return self._history.take_back(self._room, place)

    def set_topic(self, topic: str) -> None:
        """Remember `topic`."""
        try:
            self._history.set_topic(self._room, topic)
        except Exception as error:
            report(self._observer, f"remembering the topic of room {self._room}", error)
