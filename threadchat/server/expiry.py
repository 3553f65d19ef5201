"""Look after the certificate of a server: read it again, and warn before it ends."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from threadchat.net.certificate import BadCertificate, Certificate

EVERY: Final = timedelta(days=1)
"""The time between two warnings."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Expiry:
    """Warns at the start, and once a day, while `certificate` is not valid, or not for long.

    `warn` is called with one line for the operator. Any thread may use it.
    """

    def __init__(
        self,
        certificate: Certificate,
        warn: Callable[[str], None],
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._certificate = certificate
        self._warn = warn
        self._now = now
        self._lock = Lock()  # guards the files while they are read, and the time below
        self._looked_at: datetime | None = None

    def look(self) -> None:
        """Warn if that is due. To be called again and again."""
        with self._lock:
            now = self._now()
            # A clock that was set back must not put the next warning off.
            if self._looked_at is None or not timedelta(0) <= now - self._looked_at < EVERY:
                self._looked_at = now
                if line := self._certificate.warning(now):
                    self._warn(line)

    def reread(self) -> None:
        """Read the certificate again, for new clients. If it is bad, the one before stays."""
        with self._lock:
            try:
                self._certificate.reread()
            except BadCertificate as error:
                self._warn(f"{error} New clients get the certificate that was read before.")
            else:
                self._looked_at = None  # the next look is at the new one
