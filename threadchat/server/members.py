"""Keep the members of a server's chat that are programs, and end them with the server."""

from threading import Lock

from threadchat.monitoring.events import Watch
from threadchat.net.disconnect import Reason
from threadchat.net.threads import join_by
from threadchat.session.program import ProgramMember


class ProgramMembers:
    """The programs of one server, until their threads have ended. Any thread may use it."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = Lock()  # guards the two below
        self._members: list[ProgramMember] = []
        self._is_stopping = False

    def add(self, member: ProgramMember) -> None:
        """Start `member` and let it in. A member that comes after `end` is ended at once.

        Raise `OperatorError` if no thread could be started for it.
        """
        with self._lock:
            if self._is_stopping:
                member.end(Reason.SERVER_STOPPING)
            member.start()
            self._members.append(member)
        member.enter()

    def look_after(self) -> None:
        """Take out members that have ended but whose functions have not returned.

        Call it now and then. It forgets members that are gone.
        """
        for member in self._all():
            try:
                if member.reason is not None:
                    member.take_out()
                    if member.thread is None or not member.thread.is_alive():
                        self._forget(member)
            except Exception as error:
                # The others still have to be looked after (promise 8).
                self._watch.failed(f"looking after the member {member.name}", error)

    def end(self) -> None:
        """Have all members end, and those that come later. Does not wait."""
        with self._lock:
            self._is_stopping = True
        for member in self._all():
            member.end(Reason.SERVER_STOPPING)

    def join(self, deadline: float) -> None:
        """Wait for all threads until `deadline`, on the monotonic clock.

        The end of a member is logged even if its function has not returned by then (promise 7).
        """
        for member in self._all():
            join_by(member.thread, deadline)
            member.log_end()

    def _all(self) -> list[ProgramMember]:
        with self._lock:
            return list(self._members)

    def _forget(self, member: ProgramMember) -> None:
        with self._lock:
            self._members.remove(member)
