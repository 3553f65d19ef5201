"""Know the rules of the house: what newcomers read, and the passwords of the server.

They stand in files of the operator's, and are read again on SIGHUP.
"""

import hmac
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadchat.access.passphrase import BadPassphrase, read_passphrase
from threadchat.errors import OperatorError
from threadchat.text.clean import clean_text

MAX_MOTD_LINES = 40
MAX_MOTD_LINE = 400
"""What is shown of the message of the day: lines, and characters of each."""


class UnusableFile(OperatorError):
    """A file cannot be used for what it was named for."""


@dataclass(frozen=True, slots=True)
class RulesFiles:
    """Where the rules stand; None for a rule that there is none of."""

    motd: Path | None = None
    """The message of the day: what newcomers are shown."""
    password: Path | None = None
    """Its first line is the password that everybody is asked for before the name."""
    op_password: Path | None = None
    """Its first line is the passphrase for `/op`."""


class Rules:
    """The rules of one server. Safe to use from any thread: what is read is replaced whole.

    Raises `UnusableFile` if one of the files cannot be read.
    """

    def __init__(self, files: RulesFiles | None = None) -> None:
        self._files = files or RulesFiles()
        self.motd: Sequence[str] = ()
        """The message of the day, line by line. An operator may replace it."""
        self._password = self._op_password = ""
        for read in self._readers():
            read()

    def reread(self, warn: Callable[[str], None]) -> None:
        """Read the files again; what cannot be read stays as it was, which `warn` is told."""
        for read in self._readers():
            try:
                read()
            except UnusableFile as error:
                warn(f"{error} What it said before still counts.")

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
        """Whether there is a passphrase for `/op`."""
        return bool(self._op_password)

    def is_password(self, given: str) -> bool:
        """Return whether `given` lets people in; takes as long whether it does or not."""
        return _is_same(given, self._password)

    def is_op_password(self, given: str) -> bool:
        """Return whether `given` makes an operator; takes as long whether it does or not."""
        return self.has_op_password and _is_same(given, self._op_password)


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
