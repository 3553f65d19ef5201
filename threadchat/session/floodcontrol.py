"""Keep one client to the pace that the flood guard sets, by waiting on the client's own thread."""

from collections.abc import Callable

from threadchat.access.flood import FloodGuard
from threadchat.chat.person import Person
from threadchat.commands.builtin import registry
from threadchat.commands.registry import Call, parse_line
from threadchat.messages.kinds import Notice
from threadchat.net.transport import AnyWire

LAST_LINES_SECONDS = 60.0
"""How long, in all, the lines that came too fast are still said of a client that has ended."""

_TOO_FAST = "That was fast: what you send is served line by line, and none of it is lost."


class Pace:
    """The pace of one client: `flood` is how many lines at once, and how many a second then."""

    def __init__(
        self,
        flood: tuple[float, float],
        clock: Callable[[], float],
        wire: AnyWire,
        person: Person,
    ) -> None:
        self._guard = FloodGuard(*flood, clock)
        self._wire = wire
        self._person = person
        self._is_told = False
        self._last_lines_seconds = LAST_LINES_SECONDS

    def wait_for(self, line: str) -> bool:
        """Wait until it is time to serve `line`; return False if the client is gone meanwhile.

        What it sends next waits in its own connection. One that has nothing more to send is waited
        for no longer than `LAST_LINES_SECONDS` in all: it may be gone for good.
        """
        call = parse_line(line)
        command = registry.get(call.command) if isinstance(call, Call) else None
        delay = self._guard.delay_for(line, command.weight if command is not None else 1.0)
        if not delay:
            return True
        if not self._is_told:
            self._is_told = True
            self._person.tell(Notice(_TOO_FAST))
        if self._wire.is_at_end():
            self._last_lines_seconds -= delay
            if self._last_lines_seconds < 0:
                return False
        return self._wire.pause(delay)
