"""Hold what the people in charge decide: who may come in, what newcomers read, when it all ends.

The slash commands of operators act on this, and on the rooms and names of `threadchat.chat`.
"""

import hmac
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from threadchat.access.limiter import Tries
from threadchat.access.passphrase import BadPassphrase, read_passphrase
from threadchat.monitoring.events import Acted, Event, Trouble
from threadchat.monitoring.stats import Snapshot
from threadchat.storage.records import Records
from threadchat.text.clean import clean_text

MAX_MOTD_LINES = 40
MAX_MOTD_LINE = 400
"""What is shown of the message of the day: lines, and characters of each."""


class UnusableFile(Exception):
    """Say in one line why a file cannot be used, and the way out."""


@dataclass(frozen=True, slots=True)
class HouseFiles:
    """Where the house rules stand; None for what there is none of."""

    motd: Path | None = None
    """The message of the day: what newcomers are shown."""
    password: Path | None = None
    """Its first line is the password that everybody is asked for before the name."""
    op_password: Path | None = None
    """Its first line is the passphrase that makes an operator of who gives it to `/op`."""


class House:
    """The house rules. Safe to use from any thread; what is read from `files` is replaced whole.

    Raises `UnusableFile` if one of the files cannot be read. `note` logs what operators do, `stats`
    tells how the server is doing, and `finish` begins to stop it.
    """

    def __init__(
        self,
        note: Callable[[Event], None],
        stats: Callable[[], Snapshot],
        finish: Callable[[], None],
        records: Records | None = None,
        files: HouseFiles | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self.stats = stats
        self.finish = finish
        self.handing_over = Lock()
        """Held while letters are handed over, so that nobody is handed one twice."""
        self.records = records or Records(None)
        self.tries = Tries(clock)
        """Who gave wrong passwords lately, by address."""
        self._files = files or HouseFiles()
        self.motd: Sequence[str] = ()
        self._password = self._op_password = ""
        for read in self._readers():
            read()

    # What stands in files

    def reread(self) -> None:
        """Read the files again; what cannot be read stays as it was, and the operator is told."""
        for read in self._readers():
            try:
                read()
            except UnusableFile as error:
                self.warn(f"{error} What it said before still counts.")
        self.acted("operator", "had the files read again")

    def _readers(self) -> tuple[Callable[[], None], ...]:
        """Return what reads each file: one that fails must not keep another from counting."""
        return self._read_motd, self._read_password, self._read_op_password

    def _read_motd(self) -> None:
        if self._files.motd is not None:
            self.motd = _motd_in(self._files.motd)

    def _read_password(self) -> None:
        if self._files.password is not None:
            self._password = _password_in(self._files.password)

    def _read_op_password(self) -> None:
        if self._files.op_password is not None:
            self._op_password = _password_in(self._files.op_password)

    @property
    def has_password(self) -> bool:
        """Whether everybody is asked for a password before the name."""
        return bool(self._password)

    @property
    def has_op_password(self) -> bool:
        """Whether there is a passphrase that makes operators."""
        return bool(self._op_password)

    def is_password(self, given: str) -> bool:
        """Return whether `given` opens the door; takes as long whether it does or not."""
        return _is_same(given, self._password)

    def is_op_password(self, given: str) -> bool:
        """Return whether `given` makes an operator; takes as long whether it does or not."""
        return self.has_op_password and _is_same(given, self._op_password)

    # What operators do

    def acted(self, who: str, deed: str) -> None:
        """Log what the operator called `who` did."""
        self._note(Acted(who, deed))

    def warn(self, words: str) -> None:
        """Tell who runs the server what they should look after."""
        self._note(Trouble(words))


def _is_same(given: str, kept: str) -> bool:
    return hmac.compare_digest(_comparable(given), _comparable(kept))


def _comparable(password: str) -> bytes:
    # Two keyboards may write one letter in two ways (RFC 8265, section 4.2).
    return unicodedata.normalize("NFC", password).encode()


def _password_in(path: Path) -> str:
    try:
        return read_passphrase(path)
    except BadPassphrase as error:
        raise UnusableFile(str(error)) from None


def _motd_in(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UnusableFile(
            f"{path} cannot be read for the message of the day ({error.strerror})."
            " Name a text file, or leave --motd-file out."
        ) from None
    return [clean_text(line)[:MAX_MOTD_LINE].rstrip() for line in lines[:MAX_MOTD_LINES]]
