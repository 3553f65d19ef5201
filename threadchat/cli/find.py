"""List the servers on the LAN, with the lines that people type to join them."""

import argparse
import re
from collections.abc import Iterator, Sequence

from threadchat.cli.arguments import Fault, Parser, print_out, set_up_output
from threadchat.cli.progress import bar
from threadchat.net.addresses import show_address, urls, ways_in
from threadchat.text.extras import why_unusable

DEFAULT_SECONDS = 3
LEAST_SECONDS = 2
"""Servers answer to all at once, and a second passes before they do so again (RFC 6762, section 6).

A program that asks just after another one hears of them only then.
"""

MOST_SECONDS = 60


def main(argv: Sequence[str]) -> int:
    """Print the servers that answer; return the exit status.

    The status is 0; an `OperatorError` says that there are none, or that the LAN cannot be asked.
    A wrong option exits with status 2.
    """
    parser = Parser(
        prog="threadchat find",
        description="List the servers on the LAN, with the lines to type to join them.",
        epilog="example:\n  threadchat find\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=_seconds,
        default=DEFAULT_SECONDS,
        help=f"how long to wait for answers (default: {DEFAULT_SECONDS})",
    )
    seconds = parser.parse_args(argv).seconds
    set_up_output()
    print_out(list(_found(seconds)))
    return 0


def _seconds(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not LEAST_SECONDS <= int(text) <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not from {LEAST_SECONDS} to {MOST_SECONDS}")
    return int(text)


def _found(seconds: int) -> Iterator[str]:
    """Yield the lines to print; raise `OperatorError` if there are none."""
    if why := why_unusable("threadchat.lan.finding", "lan"):
        raise Fault(why)
    from threadchat.lan.finding import MOST, find_servers

    with bar("Looking for servers") as progress:
        servers = find_servers(seconds, progress)
    if not servers:
        raise Fault(
            "no server has answered. One that runs with --no-announce, or in another network, is"
            " not found: ask its operator for the address."
        )
    for server in servers:
        yield f"{server.name}, version {server.version}" if server.version else server.name
        for host in server.addresses:
            lines = urls((host, server.web_port)) if server.web_port else []
            lines += ways_in((host, server.chat_port)) if server.chat_port else []
            if server.tls_port:
                tls = show_address((host, server.tls_port))
                lines.append(f"openssl s_client -quiet -connect {tls}")
            yield from (f"    {line}" for line in lines)
    if len(servers) == MOST:
        yield f"There may be more: only {MOST} are shown."
