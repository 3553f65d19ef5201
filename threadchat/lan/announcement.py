"""Keep a server announced on the LAN, on a thread of its own.

Nobody waits for that thread but a stop, and that only until its deadline. Whatever goes wrong there
is one line for the operator, and never hinders the server.
"""

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from threadchat.errors import OperatorError
from threadchat.lan.library import ends_free_threading
from threadchat.lan.names import Announced, Service
from threadchat.lan.network import LanSide
from threadchat.net.threads import join_by, start_thread
from threadchat.text.clean import clean_line

if TYPE_CHECKING:
    from threadchat.lan.responder import Responder

LOOK_SECONDS = 5.0
"""Seconds between two looks at the addresses of this machine."""

RETRY_SECONDS = 60.0
"""Seconds after which it is tried again, without a word, where it failed."""

MAX_CONFLICTS = 10
"""How often the server takes another name because another machine has it, too; then it rests."""

REST_SECONDS = 3600.0
"""Seconds for which it then keeps the name that it has."""

_WAY_OUT = "People can still join by the addresses; --no-announce ends this line."


class LanAnnouncement:
    """Announces `services` where `look` says that the LAN is, from `start` to `end`.

    It announces them anew when that changes. `tell` is called with what has been announced, if
    that is not the same as before, `warn` with a line for the operator; both on its own thread.
    """

    def __init__(
        self,
        look: Callable[[], LanSide],
        services: Sequence[Service],
        tell: Callable[[Announced], None],
        warn: Callable[[str], None],
    ) -> None:
        self._look = look
        self._services = services
        self._tell = tell
        self._warn = warn
        self._lock = Lock()  # guards the next two
        self._is_over = False
        self._ends: Callable[[], object] | None = None
        self._thread: Thread | None = None
        self._responder: Responder | None = None
        self._told: Announced | None = None
        self._trouble = ""
        self._conflicts = 0

    def start(self) -> None:
        """Begin to announce the server, and return at once."""
        self._thread = start_thread(self._run, "announcement")
        if self._thread is None:
            self._fail("the system is out of threads")

    def end(self) -> None:
        """Say goodbye to the LAN, and return at once."""
        with self._lock:
            self._is_over = True
            if self._ends is not None:
                self._ends()

    def join(self, deadline: float) -> None:
        """Wait, until `deadline` on the monotonic clock, for the goodbye that `end` has begun."""
        join_by(self._thread, deadline)

    # On the thread

    def _run(self) -> None:
        try:
            if ends_free_threading():
                self._fail("the zeroconf that is installed would end Python's free threading")
                return
            with asyncio.Runner() as runner:  # which may find no file left for its loop
                runner.run(self._announce())
        except Exception as error:
            self._fail(_why(error))

    async def _announce(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_error_in_the_loop)
        is_over = asyncio.Event()
        with self._lock:
            if self._is_over:
                return
            self._ends = lambda: loop.call_soon_threadsafe(is_over.set)
        work = asyncio.create_task(self._stay_announced())
        end = asyncio.create_task(is_over.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            with self._lock:
                self._ends = None
            for task in (work, end):
                task.cancel()
            await asyncio.gather(work, end, return_exceptions=True)
            await self._say_goodbye()

    async def _stay_announced(self) -> None:
        while True:
            side = self._look_again(LanSide())
            if not side.addresses:
                self._fail("this machine has no address there yet")
                await self._wait_for_change(side)
                continue
            try:
                await self._announce_on(side)
            except Exception as error:
                self._fail(_why(error))
                await self._say_goodbye()
                await self._wait_for_change(side, RETRY_SECONDS)

    async def _announce_on(self, side: LanSide) -> None:
        """Announce the server on `side`, and stay until that changes, or a name has to."""
        from threadchat.lan.responder import Responder  # takes a while, and may be missing

        self._responder = Responder(side, self._services, socket.gethostname())
        announced = await self._responder.announce()
        rests = self._conflicts >= MAX_CONFLICTS
        if rests or not self._responder.is_in_conflict.is_set():
            was_in_trouble, self._trouble = bool(self._trouble), ""
            if announced != self._told or was_in_trouble:
                self._told = announced
                self._tell(announced)
        conflict = asyncio.create_task(self._wait_for_conflict(self._responder))
        change = asyncio.create_task(self._wait_for_change(side))
        try:
            await asyncio.wait({change, conflict}, return_when=asyncio.FIRST_COMPLETED)
            self._conflicts += not change.done()
        finally:
            change.cancel()
            conflict.cancel()
        await self._say_goodbye()

    async def _wait_for_conflict(self, responder: "Responder") -> None:
        if self._conflicts >= MAX_CONFLICTS:
            await asyncio.sleep(REST_SECONDS)
            self._conflicts = 0
        await responder.is_in_conflict.wait()

    async def _say_goodbye(self) -> None:
        if self._responder is not None:
            # Who is not told forgets the server after two minutes.
            with contextlib.suppress(Exception):
                await self._responder.close()
            self._responder = None

    async def _wait_for_change(self, side: LanSide, seconds: float = float("inf")) -> None:
        """Wait until what faces the LAN is no longer `side`, but for `seconds` at most."""
        until = time.monotonic() + seconds
        while self._look_again(side) == side and time.monotonic() < until:
            await asyncio.sleep(LOOK_SECONDS)

    def _look_again(self, side: LanSide) -> LanSide:
        """Return what faces the LAN now; `side` if the system does not tell, being out of files."""
        try:
            return self._look()
        except OSError:
            return side

    def _on_error_in_the_loop(
        self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        """Tell the operator of an error that the library has not caught; called by the loop."""
        error = context.get("exception")
        self._fail(_why(error) if isinstance(error, Exception) else str(context.get("message")))

    def _fail(self, why: str) -> None:
        """Tell the operator why the LAN is not told, once for each reason in a row."""
        if why != self._trouble:
            self._trouble = why
            self._warn(f"this server is not announced on the LAN: {why}. {_WAY_OUT}")


def _why(error: Exception) -> str:
    """Return what went wrong, as the middle of a line."""
    match error:
        case ModuleNotFoundError():
            return "what that needs is not installed (pip install 'threadchat[lan]')"
        case ImportError():
            return "the zeroconf that is installed is too old (pip install -U 'threadchat[lan]')"
        case OSError(errno=errno.EADDRINUSE | errno.EACCES):
            return "another program keeps UDP port 5353, that of multicast DNS, to itself"
        case OperatorError():
            return str(error)
        case TimeoutError():
            return "the network did not answer in time"
    words = clean_line(" ".join(str(error).split()))
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
