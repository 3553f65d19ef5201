"""Do, on a thread of their own, the things about people that have to wait for the log.

Above all: somebody that got a name while there was no link needs another one if the name turns out
to be somebody else's.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from threading import Lock, Thread

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.messages.kinds import Notice, Renamed
from threadchat.monitoring.events import Named
from threadchat.net.threads import join, start_thread
from threadchat.text.names import BadName, clean_name

MOST_TRIES = 100
"""How many names are tried."""

Job = Callable[[], None]


class Later:
    """Does jobs one after the other, on a thread that lives while there are any. For any thread.

    `failed` is called with what was being done, and what a job has raised.
    """

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        self._failed = failed
        self._lock = Lock()  # guards the next three
        self._jobs: deque[Job] = deque()
        self._thread: Thread | None = None
        self._is_closed = False

    def add(self, job: Job) -> None:
        """Have `job` done soon."""
        with self._lock:
            self._jobs.append(job)
            self._begin()

    def go_on(self) -> None:
        """Try again to do what waits because there was no thread for it."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if self._jobs and self._thread is None and not self._is_closed:
            self._thread = start_thread(self._run, "linked people")

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except Exception as error:
                self._failed("doing what the link has brought", error)

    def _next(self) -> Job | None:
        with self._lock:
            if self._jobs and not self._is_closed:
                return self._jobs.popleft()
            self._thread = None
            return None

    def close(self, timeout: float) -> None:
        """Begin no more jobs; wait up to `timeout` seconds for the one that is being done."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None:
            join(thread, timeout)


def rename_anew(chat: Chat, person: Person, fold: str) -> None:
    """Give `person` a free name in place of the name `fold`, which is somebody else's."""
    if person.folded_name != fold or person.has_left:
        return  # they have another one by now
    before = person.name
    for name in _names_like(before):
        with contextlib.suppress(BadName):
            chat.names.claim(person, name)
            break
    else:
        chat.observer.warn(f"two people are called {before}: no name like that is free")
        return
    chat.observer.note(Named(person.id, person.name, before))
    person.tell(
        Notice(
            f"{before} is somebody else's: that one came in on another server while there was no"
            f" link to it. You are now {person.name}. /nick NAME changes that."
        )
    )
    chat.announce(person, Renamed(before, person.name))
    chat.names.release(person, before, keep=person.name)
    chat.note_names(person)


def _names_like(name: str) -> Iterator[str]:
    """Yield names that begin like `name`, and are no longer than a name may be."""
    for number in range(2, 2 + MOST_TRIES):
        for length in range(len(name), 0, -1):
            with contextlib.suppress(BadName):
                yield clean_name(f"{name[:length]}-{number}")
                break
