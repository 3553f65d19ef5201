"""A server and its crowd: let them act, bring them to rest, and have everything checked."""

import re
import select
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from random import Random

from tests.soak.judge import Connection, Judge
from tests.soak.participant import Kind, Participant, Stage
from tests.support.process import Figures, ServerProcess

PATIENCE = 90.0
"""Seconds after which what is waited for counts as not happening."""

TICK = 0.005
"""Seconds for which is waited at most before somebody acts again."""

OP_PASSWORD = "only for those in charge"

_UNMISTAKABLE = "abdefghkpstuxyz"
"""Letters that do not look like each other, nor like a digit."""

_CUT_OFF = ("too slow", "timed out", "kicked by ", "banned by ")

_LISTED = re.compile(r"=== (\d+) (?:person is|people are) here: (.*)\.$")


class SoakFailed(Exception):
    """Something did not happen that everything else waits for."""


class World:
    """One server, and the people on it.

    `size` is how many people there should be, and `seed` decides what they do. With `is_guarded`
    the server slows down clients that send too fast, so bursts are smaller there.
    """

    def __init__(
        self, name: str, server: ServerProcess, seed: str, size: int, *, is_guarded: bool = False
    ) -> None:
        self.name, self.server, self.seed = name, server, seed
        self.size, self.is_guarded = size, is_guarded
        self.random = Random()
        self.acts = 0
        """How many acts have been chosen so far."""
        self.judge = Judge()
        self.people: list[Participant] = []
        self.operator: Participant | None = None
        self.done: Counter[str] = Counter()
        """How often each act was done."""
        self.figures: list[Figures] = [server.figures()]
        """What the server used before anybody came, and at each rest."""
        self.settled: Figures | None = None
        """What it used at the first rest from which on nothing should grow."""
        self._connections: dict[Participant, Connection] = {}
        self._serials = count(1)
        self._fences = count(1)

    # The people on the server

    def connect(self, kind: Kind, wanted: str = "") -> Participant:
        """Let a person come. They first ask for the name `wanted`, if it is given."""
        serial = next(self._serials)
        name = self.new_name()
        own = Random(f"{self.seed} {serial}")
        one = Participant(self.server, serial, wanted or name, kind, own)
        one.spare_name = name
        self.people.append(one)
        return one

    def new_name(self) -> str:
        """Return a name that nobody has had."""
        number, letters = next(self._serials), ""
        while number:
            number, letter = divmod(number, len(_UNMISTAKABLE))
            letters += _UNMISTAKABLE[letter]
        return f"n{letters}"

    def active(self) -> list[Participant]:
        """Return the people that can be asked to do something; the operator is not one of them."""
        return [
            one
            for one in self.people
            if one.stage is Stage.HERE and not one.is_stuck and one is not self.operator
        ]

    def seat_operator(self) -> None:
        """Let an operator come, and wait for it."""
        self.operator = one = self.connect(Kind.PLAIN)
        one.type(one.name)
        one.type("/search lunch")  # for what is opened when it is needed first, and stays
        one.type("/op")
        one.type(OP_PASSWORD)
        self.wait_until(lambda: "operator until" in one.last_answer, "the operator is there")

    # Going on

    def pump(self, timeout: float = TICK) -> None:
        """Send and receive what can be; take what has been logged."""
        pump(self.people, timeout)
        self.judge.read(self.server.log.new_records())
        if not self.server.is_running():
            raise SoakFailed("the server has ended")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Go on until `condition` holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise SoakFailed(f"waited in vain until {what}")
            self.pump()

    def wait_until_gone(self) -> None:
        """Go on until all have gone."""
        self.wait_until(
            lambda: all(one.stage is Stage.GONE for one in self.people),
            f"all have gone, {self._waiting()}",
        )

    # Checks

    def check(self) -> None:
        """Bring everything to a stop, and compare what was seen with what was shown."""
        operator = self.operator
        assert operator is not None
        self._sync(operator)
        self._sync_all()
        fence = next(self._fences)
        operator.type(f"/say fence-{fence}")
        self._sync(operator)
        self.wait_until(
            lambda: all(one.heard_fence == fence for one in (*self.active(), operator)),
            "everybody has heard the announcement",
        )
        operator.type(f"/motd {fence}")
        self.wait_until(
            lambda: f"set the message of the day: {fence}" in self.judge.acts, "it is logged"
        )
        self._check_who()
        self._judge_all()

    def _sync(self, one: Participant) -> None:
        """Wait until `one` has been answered all that it has typed."""
        one.sync()
        self.wait_until(lambda: one.is_in_sync, f"{one.name} is answered")

    def _sync_all(self) -> None:
        """Wait until the server has dealt with all that anybody sent."""
        self.wait_until(
            lambda: all(
                one.is_stuck or one.stage in (Stage.HERE, Stage.GONE) for one in self.people
            ),
            f"all have come or gone, {self._waiting()}",
        )
        for one in self.active():
            one.deaf_until = 0.0
            one.sync()
        self.wait_until(lambda: all(one.is_in_sync for one in self.active()), "all are answered")

    def _waiting(self) -> list[str]:
        return [f"{one.name} {one.stage}" for one in self.people if one.stage is not Stage.HERE]

    def _check_who(self) -> None:
        """Compare what /who answers in each room with the members by the announcements."""
        for room, one in {one.room: one for one in self.active()}.items():
            for _ in range(10):
                log = self.judge.rooms[room]
                expected, shown = log.names(), len(log.entries)
                one.type("/who")
                self._sync(one)
                if len(log.entries) == shown:  # otherwise a stuck client has been ended meanwhile
                    self._compare_who(room, one.listed, expected)
                    break

    def _compare_who(self, room: str, answer: str, expected: set[str]) -> None:
        listed = _LISTED.match(answer)
        names = re.sub(r" \([^()]*\)", "", listed.group(2)).split(", ") if listed else []
        if listed is None or set(names) != expected or int(listed.group(1)) != len(names):
            self.judge.find(f"/who in {room}: {answer}", f"announced were {sorted(expected)}")

    def _judge_all(self) -> None:
        for one in list(self.people):
            connection = self._connection_of(one)
            if connection is None:
                self.judge.find(f"{one.name} from {one.address} was never logged")
                self.people.remove(one)
                continue
            if one.is_stuck and one.stage is not Stage.GONE:
                continue
            if one.stage is Stage.GONE and connection.end is None:
                continue  # its end has not been logged yet
            if connection.end is not None:
                one.was_cut_off |= connection.end["why"].startswith(_CUT_OFF)
            found = len(self.judge.violations)
            self.judge.judge(one, connection)
            if len(self.judge.violations) > found:
                self.judge.violations[-1] += f"\n    its end: {connection.end}"
            if one.stage is Stage.GONE:
                self._judge_end(one, connection)
                self.people.remove(one)
                del self._connections[one]

    def _connection_of(self, one: Participant) -> Connection | None:
        if one not in self._connections:
            connection = self.judge.connection_of(one.address)
            if connection is None:
                return None
            self._connections[one] = connection
        return self._connections[one]

    def _judge_end(self, one: Participant, connection: Connection) -> None:
        assert connection.end is not None
        why = connection.end["why"]
        if not why.startswith(tuple(one.may_end)):
            self.judge.find(
                f"{one.name} (number {one.serial}, {one.kind.name}) ended ({why}),"
                f" which should be one of {sorted(one.may_end)}"
            )
        if one.saw_all and connection.end["sent"] != one.bytes_received:
            self.judge.find(f"{one.name} got {one.bytes_received} bytes", str(connection.end))
        if one.saw_all and why == "closed" and connection.end["received"] != one.bytes_sent:
            self.judge.find(f"{one.name} sent {one.bytes_sent} bytes", str(connection.end))

    # Rest

    def rest(self, leave: Callable[["World", Participant], None], *, settles: bool = True) -> None:
        """Have everybody leave, see that nothing is left of them, and note what that uses.

        `settles` says whether all that fills up to a bound should have: from then on, nothing has
        a reason to grow.
        """
        for one in self.people:
            one.is_stuck = False
            if one.stage is Stage.HERE:
                leave(self, one)
        self.operator = None
        self.wait_until_gone()
        self.wait_until(
            lambda: all(
                (connection := self._connection_of(one)) is not None and connection.end is not None
                for one in self.people
            ),
            "the end of all is logged",
        )
        self._judge_all()
        self.judge.forget()
        self._compare_figures()
        if settles and self.settled is None:
            self.settled = self.figures[-1]

    def _compare_figures(self) -> None:
        """Find what has grown since all had settled: memory by a tenth, or the rest at all."""
        before = self.settled
        if before is not None:
            deadline = time.monotonic() + PATIENCE / 3
            while not self.server.figures().is_within(before) and time.monotonic() < deadline:
                self.pump()
        now = self.server.figures()
        self.figures.append(now)
        if before is not None and not now.is_within(before):
            self.judge.find(f"{self.name} has grown from {before} to {now}")
        for problem in self.server.problems:
            self.judge.find(f"on the console stood {problem}")
        self.server.problems.clear()


def pump(people: Iterable[Participant], timeout: float) -> None:
    """Send what can be sent for all of `people`, wait for one to be sent something, and read it."""
    now = time.monotonic()
    for one in people:
        if one.outgoing or one.stage is Stage.LEAVING:
            one.flush()
    hearing: Sequence[Participant] = [
        one
        for one in people
        if one.stage is not Stage.GONE and not one.is_stuck and one.deaf_until <= now
    ]
    for one in select.select(hearing, (), (), timeout)[0]:
        one.receive()
