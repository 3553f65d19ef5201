"""Hold the configuration of a server: one frozen object for programs that embed it."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from threadchat.access.limits import Limits, MetricsFor, check_least
from threadchat.chat.rules import RulesFiles
from threadchat.link.address import LinkAddress
from threadchat.net.certificate import Certificate

DEFAULT_PORT = 8000
DEFAULT_TLS_PORT = 8992
DEFAULT_WEB_PORT = 8080
DEFAULT_REPLAY = 20
DEFAULT_FALLBACK_ENCODING = "cp1252"


@dataclass(frozen=True)
class ServerConfig:
    """How a `ChatServer` serves its clients. The defaults are those of the command line.

    Raise `ValueError`, with a text of one line, for a value that cannot be.
    """

    limits: Limits = field(default_factory=Limits)
    """Which clients are let in, how many, and how fast they may send."""
    replay: int = DEFAULT_REPLAY
    """How many earlier messages a newcomer is shown."""
    keep: float = 0.0
    """How many seconds the history keeps what is said; 0 for as long as it can."""
    fallback_encoding: str = DEFAULT_FALLBACK_ENCODING
    """The encoding of clients that send no UTF-8: a codec name."""
    files: RulesFiles = field(default_factory=RulesFiles)
    """The files with the message of the day and the passwords."""
    tls: Certificate | ssl.SSLContext | None = None
    """For TLS clients, which are served at `tls_address`; None for no TLS.

    A certificate is read again with the other files, and the operator is warned before it ends. A
    context is left as it is.
    """
    tls_address: tuple[str, int] = ("", DEFAULT_TLS_PORT)
    web_address: tuple[str, int] | None = None
    """Where browsers are served, which needs the extra `web`; None for nowhere."""
    web_ports: Sequence[int] = ()
    """Further ports to try in turn where that one is in use."""
    web_hosts: Sequence[str] = ()
    """Names by which browsers may call the server, besides its addresses and the machine's own."""
    metrics: MetricsFor = "loopback"
    """Which clients may have the figures, at `/metrics` of `web_address`."""
    announce: bool = False
    """Whether the LAN is told of the server by multicast DNS, which needs the extra `lan`."""
    link: LinkAddress | None = None
    """Where other servers are that are to be one with this one, which needs the extra `link`."""

    def __post_init__(self) -> None:
        """Check what would only be wrong later, or would mean the opposite."""
        check_least("replay", self.replay, 0)
        check_least("keep", self.keep, 0)  # less would be the future: all would be forgotten
        if self.metrics not in get_args(MetricsFor):
            raise ValueError(f"metrics is {self.metrics!r}, and not {get_args(MetricsFor)}")
