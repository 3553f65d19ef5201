"""Declare the options of the server, and how the text of each is read.

`Options` is the table of the options. The `_takes` or `_switch` of a field says all about an
option: `sources` reads it from the command line, the environment and a file by that alone.
"""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import get_args

from threadchat.access.flood import parse_flood
from threadchat.access.limits import LAN, Allowed, Limits, MetricsFor, parse_allowed
from threadchat.link.address import EXAMPLE, BadLink, parse_link
from threadchat.server.config import (
    DEFAULT_FALLBACK_ENCODING,
    DEFAULT_PORT,
    DEFAULT_REPLAY,
    DEFAULT_TLS_PORT,
)
from threadchat.storage.history import MAX_REMEMBERED
from threadchat.text.encodings import usable_encoding
from threadchat.text.times import BadTime, parse_time

# How the text of an option is read


def _true_or_false(text: str) -> bool:
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor 0")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def port_number(text: str) -> int:
    """Return the port in `text`."""
    number = _whole_number(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(
            f"there is no port {number}: choose one from 1024 to 65535, or 0 for any free one"
        )
    return number


def _positive_number(text: str) -> int:
    number = _whole_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small, 1 is the least")
    return number


def _replay_number(text: str) -> int:
    number = _whole_number(text)
    if not 0 <= number <= MAX_REMEMBERED:
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to {MAX_REMEMBERED}")
    return number


def _limit(text: str) -> int:
    number = _whole_number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is too small; 0 is no limit")
    return number


def _timeout(text: str) -> float:
    try:
        return parse_time(text, is_number_enough=True)
    except BadTime as error:
        raise argparse.ArgumentTypeError(
            f"{error} A number alone is seconds, and 0 is no limit."
        ) from None


def _time(text: str) -> float:
    try:
        return parse_time(text)
    except BadTime as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _allowed(text: str) -> Allowed:
    try:
        return parse_allowed([text])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _flood(text: str) -> tuple[float, float] | None:
    try:
        return parse_flood(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _encoding(text: str) -> str:
    try:
        return usable_encoding(text)
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding for a terminal; cp1252, cp437 and latin-1 are some"
        ) from None


def port_or_off(text: str) -> str:
    """Return the port in `text`, or "off"."""
    if text.strip().lower() == "off":
        return "off"
    return str(port_number(text))


def _file(text: str) -> str:
    # As of a variable of a shell that is not set: what was to be kept in it would be lost.
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the file is empty. Leave it out for none")
    return text


def _metrics_for(text: str) -> str:
    word = text.strip().lower()
    if word not in get_args(MetricsFor):
        raise argparse.ArgumentTypeError(f"{text!r} is none of off, loopback and lan")
    return word


def _web_host(text: str) -> tuple[str, ...]:
    name = text.strip().rstrip(".")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name of a machine; chat.example.org is one"
        )
    return (name,)


def _link(text: str) -> str:
    try:
        parse_link(text)
    except BadLink as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


# The table


@dataclass(frozen=True, slots=True)
class Use:
    """How an option is used: `read` turns its text into a value; help shows `metavar` for the text.

    A switch has no metavar. The command line may have one switch of each `group`; then the
    environment's switches of that group do not count. `needs` is another option that is required.
    """

    help: str
    read: Callable[[str], object]
    metavar: str = ""
    group: str = ""
    needs: str = ""
    is_repeatable: bool = False
    """Whether it may be given more than once. If so, the values are added together."""


def _takes(
    read: Callable[[str], object],
    metavar: str,
    help: str,
    *,
    needs: str = "",
    is_repeatable: bool = False,
) -> dict[str, Use]:
    return {"use": Use(help, read, metavar, needs=needs, is_repeatable=is_repeatable)}


def _switch(help: str, *, group: str = "", needs: str = "") -> dict[str, Use]:
    return {"use": Use(help, _true_or_false, group=group, needs=needs)}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the server, each with its default."""

    host: str = field(
        default="",
        metadata=_takes(str, "ADDRESS", "address to serve (default: all, IPv4 and IPv6)"),
    )
    port: int = field(
        default=DEFAULT_PORT,
        metadata=_takes(port_number, "N", "port to serve"),
    )
    max_clients: int = field(
        default=Limits.max_clients,
        metadata=_takes(_positive_number, "N", "how many clients may be here at once"),
    )
    allow: Allowed = field(
        default=LAN,
        metadata=_takes(
            _allowed,
            "lan|any|NETWORK",
            "the clients to serve, by their addresses; may be given more than once (default: lan)",
            is_repeatable=True,
        ),
    )
    max_per_address: int = field(
        default=Limits.max_per_address,
        metadata=_takes(_limit, "N", "how many clients one address may have, 0 for no limit"),
    )
    max_connects: int = field(
        default=Limits.max_connects,
        metadata=_takes(
            _limit, "N", "how many clients may connect from one address in a minute, 0 for no limit"
        ),
    )
    name_timeout: float = field(
        default=Limits.name_timeout,
        metadata=_takes(
            _timeout, "TIME", "how long a client may take to give a name, 0 for no limit"
        ),
    )
    idle_timeout: float = field(
        default=Limits.idle_timeout,
        metadata=_takes(_timeout, "TIME", "how long a person may say nothing, 0 for no limit"),
    )
    flood: tuple[float, float] | None = field(
        default=Limits.flood,
        metadata=_takes(
            _flood,
            "BURST/RATE|off",
            "how many lines of a client to serve at once, and how many a second after that"
            " (default: 10/2)",
        ),
    )
    all_processors: bool = field(
        default=False,
        metadata=_switch("run on all processors; one is usually faster"),
    )
    replay: int = field(
        default=DEFAULT_REPLAY,
        metadata=_takes(_replay_number, "N", "how many earlier messages a newcomer is shown"),
    )
    fallback_encoding: str = field(
        default=DEFAULT_FALLBACK_ENCODING,
        metadata=_takes(_encoding, "NAME", "the encoding of clients that send no UTF-8"),
    )
    history: str = field(
        default="",
        metadata=_takes(_file, "FILE", "keep what is said in this file (default: in memory)"),
    )
    keep: float = field(
        default=0.0,
        metadata=_takes(
            _time, "TIME", "forget what was said longer ago, as in 90d (default: never)"
        ),
    )
    show_messages: bool = field(
        default=False,
        metadata=_switch("log what is said as well", group="detail"),
    )
    quiet: bool = field(
        default=False,
        metadata=_switch("log only start, stop and what goes wrong", group="detail"),
    )
    log_file: str = field(
        default="",
        metadata=_takes(
            _file,
            "FILE",
            "log what happens into this file as well, as JSON lines; - is standard output, for"
            " these lines alone",
        ),
    )
    log_messages: bool = field(
        default=False,
        metadata=_switch("log what is said in rooms into that file", needs="log_file"),
    )
    status: bool = field(
        default=False,
        metadata=_switch("keep a line of figures under the log, on a terminal"),
    )
    metrics: MetricsFor = field(
        default="loopback",
        metadata=_takes(
            _metrics_for,
            "off|loopback|lan",
            "who may have the figures at /metrics of the web port: nobody, this machine alone, or"
            " everybody that is served",
        ),
    )
    motd_file: str = field(
        default="",
        metadata=_takes(_file, "FILE", "the message of the day, which newcomers are shown"),
    )
    password_file: str = field(
        default="",
        metadata=_takes(_file, "FILE", "ask everybody for the password in its first line"),
    )
    op_password_file: str = field(
        default="",
        metadata=_takes(_file, "FILE", "its first line is the passphrase for /op"),
    )
    tls_cert: str = field(
        default="",
        metadata=_takes(
            _file, "FILE", "serve TLS as well, with this certificate (PEM)", needs="tls_key"
        ),
    )
    tls_key: str = field(
        default="",
        metadata=_takes(_file, "FILE", "the key of that certificate (PEM)", needs="tls_cert"),
    )
    tls_port: int = field(
        default=DEFAULT_TLS_PORT,
        metadata=_takes(port_number, "N", "port to serve TLS at"),
    )
    web_port: str = field(
        default="",
        metadata=_takes(
            port_or_off, "N|off", "port to serve browsers at (default: 8080, or the next free one)"
        ),
    )
    web_host: tuple[str, ...] = field(
        default=(),
        metadata=_takes(
            _web_host,
            "NAME",
            "a name by which browsers may call this server; may be given more than once",
            is_repeatable=True,
        ),
    )
    link: str = field(
        default="",
        metadata=_takes(
            _link,
            "URL",
            "be one with other servers by this Redis or Valkey server, as in"
            f" {EXAMPLE}; office is the name of these servers together",
        ),
    )
    link_password_file: str = field(
        default="",
        metadata=_takes(
            _file, "FILE", "the password of that Redis or Valkey server (first line)", needs="link"
        ),
    )
    config: str = field(
        default="",
        metadata=_takes(_file, "FILE", "take options from this file (TOML), as in port = 8000"),
    )
    no_announce: bool = field(
        default=False,
        metadata=_switch("do not tell the LAN of this server"),
    )
    no_qr: bool = field(
        default=False,
        metadata=_switch("show no QR code of the page's address"),
    )


USES: dict[str, Use] = {option.name: option.metadata["use"] for option in fields(Options)}


def flag_of(name: str) -> str:
    """Return how the option `name` is written on the command line."""
    return f"--{key_of(name)}"


def key_of(name: str) -> str:
    """Return how the option `name` is written in a configuration file."""
    return name.replace("_", "-")


def exclusive(values: Mapping[str, object]) -> Sequence[str]:
    """Return two switches of one group that are both on in `values`; nothing if there are none."""
    in_group: dict[str, str] = {}
    for name, value in values.items():
        if value and (group := USES[name].group):
            other = in_group.setdefault(group, name)
            if other != name:
                return other, name
    return ()
