"""Read the certificate that TLS clients are shown, and find out until when it is valid.

The `ssl` module tells the dates of a certificate only if it trusts it. So they are read here from
the certificate itself, which is DER (RFC 5280, section 4.1; X.690, section 8.1) in base64.
"""

import base64
import os
import re
import signal
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, NoReturn

from threadchat.errors import OperatorError
from threadchat.text.files import read_file, why_unreadable

WARN_BEFORE: Final = timedelta(days=14)
"""How long before the end of a certificate the operator is warned."""

_RENEW = "Put a new one there, and " + (
    "have it read by SIGHUP" if hasattr(signal, "SIGHUP") else "start the server again"
)

_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)"
    rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----",
    re.DOTALL,
)

_VERSION: Final = 0xA0
"""The tag of the version of a certificate, which the oldest ones lack."""

_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
"""The tags of UTCTime and GeneralizedTime, and the one form of each in a certificate."""


class BadCertificate(OperatorError):
    """A certificate or its key cannot be used. Says why, and what to do, in one line."""


class Certificate:
    """A certificate and its key, from two PEM files that can be read again.

    Both names may be those of one file. In its file, the certificate comes first, and the
    certificates that vouch for it follow. Raise `BadCertificate` if something is wrong with them.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate = certificate
        self._key = key
        self.context: ssl.SSLContext
        """The context for the next TLS transport. It is replaced as a whole."""
        self._validities: list[tuple[datetime, datetime]]
        self.reread()

    def reread(self) -> None:
        """Read the files again. Raise `BadCertificate`, and change nothing, if they are bad."""
        content = _read("certificate", self._certificate, b"CERTIFICATE-----")
        _read("key", self._key, b"PRIVATE KEY-----")
        self.context = _make_context(self._certificate, self._key)
        self._validities = [*_validities(content)]

    def warning(self, now: datetime) -> str:
        """Return a line for the operator if a certificate is not valid, or not for long.

        Otherwise return "". Clients that check certificates refuse one that is not valid.
        """
        for number, (begin, end) in enumerate(self._validities, 1):
            which = f"the certificate in {self._certificate}"
            if number > 1:
                which = f"certificate number {number} in {self._certificate}"
            if now < begin:
                return f"{which} is valid only from {_shown(begin)} on. {_RENEW}"
            if end <= now:
                return f"{which} has ended on {_shown(end)}. {_RENEW}"
            if end - now <= WARN_BEFORE:
                left = (end - now) // timedelta(days=1)
                days = {0: "in less than a day", 1: "in a day"}.get(left, f"in {left} days")
                return f"{which} ends {days}, on {_shown(end)}. {_RENEW}"
        return ""


def _make_context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client could ask for renegotiation again and again. That costs the server more than it.
    context.options |= ssl.OP_NO_RENEGOTIATION
    # Clients do not resume an earlier TLS session. A client that only writes and then closes would
    # not read the tickets, and a connection that is closed on unread bytes is reset.
    context.num_tickets = 0
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_encrypted(key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadCertificate(
                f"the key in {key} does not belong to the certificate in {certificate}."
                " Name the one that it was made with."
            ) from None
        what = words_of(error) if error.reason else "one of them is damaged"
        raise BadCertificate(
            f"{certificate} and {key} cannot be used as certificate and key: {what}."
            " Make new ones, or copy them anew."
        ) from None
    except OSError as error:  # a file was taken away since we looked at it
        raise BadCertificate(f"{certificate} or {key} cannot be read: {error.strerror}.") from None
    return context


def _read(what: str, name: str, mark: bytes) -> bytes:
    """Return what is in a file; raise `BadCertificate` if that is not `what`.

    OpenSSL does not say which file is wrong and how.
    """
    try:
        content = read_file(name)
    except OSError as error:
        raise BadCertificate(
            f"the {what} {name} cannot be read: {why_unreadable(name, error)}"
        ) from None
    if not os.path.isfile(name):
        raise BadCertificate(
            f"the {what} {name} is not an ordinary file, and it has to be read twice."
            " Name a PEM file that is."
        )
    if mark not in content:
        raise BadCertificate(
            f"{name} has no {what} in it: there is no line with {mark.decode()}."
            " Name a PEM file that has one."
        )
    return content


def _refuse_encrypted(key: str) -> NoReturn:
    # Otherwise OpenSSL would ask for it on the terminal, and nobody answers for a service.
    raise BadCertificate(
        f"the key in {key} is encrypted with a passphrase."
        f" Write one without: openssl pkey -in {key} -out FILE"
    )


def words_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's name for an error, as words."""
    return (error.reason or "unknown error").replace("_", " ").lower()


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


# Reading when certificates begin and end


def _validities(content: bytes) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times at which each certificate of a PEM file begins and ends to be valid."""
    for match in _PEM.finditer(content):
        try:
            yield _validity(base64.b64decode(match[1]))
        except (ValueError, IndexError):
            # OpenSSL has accepted the file. It cannot be said until when, but it can be used.
            continue


def _validity(der: bytes) -> tuple[datetime, datetime]:
    """Return when a certificate begins and when it ends.

    Raise `ValueError` or `IndexError` if that is not a certificate.
    """
    # Certificate, then TBSCertificate in it, then version, serial number, signature, issuer and
    # validity in that (RFC 5280, section 4.1).
    ((_, certificate),) = islice(_elements(der), 1)
    ((_, to_be_signed),) = islice(_elements(certificate), 1)
    parts = (content for tag, content in _elements(to_be_signed) if tag != _VERSION)
    (validity,) = islice(parts, 3, 4)
    begin, end = (_time(tag, content) for tag, content in _elements(validity))
    return begin, end


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and the content of each element in a piece of DER."""
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:  # the length stands in as many bytes
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        yield tag, data[start : start + length]
        data = data[start + length :]


def _time(tag: int, content: bytes) -> datetime:
    if tag not in _TIMES:
        raise ValueError("that is no time")
    time = datetime.strptime(content.decode("ascii"), _TIMES[tag]).replace(tzinfo=UTC)
    # The two digits of a UTCTime stand for the years from 1950 to 2049.
    return time.replace(year=time.year - 100) if tag == 0x17 and time.year >= 2050 else time
