"""Hold the rules of the server: the message of the day, and the server's passwords.

They stand in files of the operator, and are read again on SIGHUP.
"""

import hmac
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadchat.access.passphrase import BadPassphrase, read_passphrase
from threadchat.errors import OperatorError
from threadchat.text.clean import clean_line, clean_text
from threadchat.text.files import as_text, read_file, why_unreadable

MAX_MOTD_LINES = 40
MAX_MOTD_LINE = 400
"""How much of the message of the day is shown: this many lines, this many characters of each."""


class UnusableFile(OperatorError):
    """A file of the rules cannot be used for its purpose."""


@dataclass(frozen=True, slots=True)
class RulesFiles:
    """The files that hold the rules; None for a rule that the server does not have."""

    motd: Path | None = None
    """The message of the day: what newcomers are shown."""
    password: Path | None = None
    """Its first line is the password that everybody is asked for before the name."""
    op_password: Path | None = None
    """Its first line is the passphrase for `/op`."""


class Rules:
    """The rules of one server. Safe to use from any thread: each rule is replaced as a whole.

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
        """Read the files again. If one cannot be read, its rule stays, and `warn` is told."""
        for read in self._readers():
            try:
                read()
            except UnusableFile as error:
                warn(f"{error} What it said before still counts.")

    def _readers(self) -> tuple[Callable[[], None], ...]:
        """Return one function for each file: if one fails, the others are still read."""
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
        """Return whether `given` is the server's password, in the same time either way."""
        return _is_same(given, self._password)

    def is_op_password(self, given: str) -> bool:
        """Return whether `given` is the passphrase for `/op`, in the same time either way."""
        return self.has_op_password and _is_same(given, self._op_password)


def _is_same(given: str, kept: str) -> bool:
    return hmac.compare_digest(_comparable(given), _comparable(kept))


def _comparable(password: str) -> bytes:
    # Two keyboards may write the same letter in two ways (RFC 8265, section 4.2).
    return unicodedata.normalize("NFC", password).encode()


def _password_in(path: Path) -> str:
    try:
        return read_passphrase(path)
    except BadPassphrase as error:
        raise UnusableFile(str(error)) from None


def _motd_in(path: Path) -> list[str]:
    try:
        lines = as_text(read_file(path), "replace").read().splitlines()
    except OSError as error:
        why = why_unreadable(path, error)
        raise UnusableFile(f"{path} cannot be read for the message of the day: {why}") from None
    return [clean_line(clean_text(line)[:MAX_MOTD_LINE]) for line in lines[:MAX_MOTD_LINES]]
