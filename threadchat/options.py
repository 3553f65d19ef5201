"""Declare the options of the server, and read them from the command line and the environment.

`Options` is the table of them: what a field's `_takes` or `_switch` says is all there is to an
option. `max_clients` is `--max-clients` on the command line and `THREADCHAT_MAX_CLIENTS` in the
environment. Whatever is wrong with one gets one line, and exit status 2.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from threadchat import __version__
from threadchat.arguments import Parser
from threadchat.history import MAX_REMEMBERED
from threadchat.server import (
    DEFAULT_FALLBACK_ENCODING,
    DEFAULT_MAX_CLIENTS,
    DEFAULT_PORT,
    DEFAULT_REPLAY,
)
from threadchat.text import usable_encoding

_EXAMPLES = """\
examples:
  threadchat                            serve everybody on the LAN on port 8000
  threadchat --port 4000                another port; --port 0 picks a free one and says which
  threadchat --host 127.0.0.1           only people on this machine
  threadchat --show-messages >chat.log  log what is said, too
  threadchat --history chat.db          remember what is said over a restart
  threadchat --log-file log.jsonl       log who comes and goes into a file, for programs to read
  threadchat export chat.db             print what was said; see threadchat export --help

Each option can also be set in the environment, as THREADCHAT_PORT=4000 or THREADCHAT_QUIET=1.
People join with: telnet ADDRESS 8000, or nc ADDRESS 8000
"""


# What an option's text can be read as


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


def _encoding(text: str) -> str:
    try:
        return usable_encoding(text)
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding for a terminal; cp1252, cp437 and latin-1 are some"
        ) from None


# The table


@dataclass(frozen=True, slots=True)
class _Use:
    """How an option is used: `read` makes its value of the text, and a `metavar` stands for that.

    A switch has no metavar. Of the switches of one `group` the command line may have one, which
    rules out what the environment says of the others. `needs` is an option that has to be there.
    """

    help: str
    read: Callable[[str], object]
    metavar: str = ""
    group: str = ""
    needs: str = ""


def _takes(
    read: Callable[[str], object], metavar: str, help: str, *, needs: str = ""
) -> dict[str, _Use]:
    return {"use": _Use(help, read, metavar, needs=needs)}


def _switch(help: str, *, group: str = "", needs: str = "") -> dict[str, _Use]:
    return {"use": _Use(help, _true_or_false, group=group, needs=needs)}


@dataclass(frozen=True, slots=True)
class Options:
    """What the server is told to do, each option with its default."""

    host: str = field(
        default="",
        metadata=_takes(str, "ADDRESS", "address to serve (default: all, IPv4 and IPv6)"),
    )
    port: int = field(
        default=DEFAULT_PORT,
        metadata=_takes(_whole_number, "N", "port to serve"),
    )
    max_clients: int = field(
        default=DEFAULT_MAX_CLIENTS,
        metadata=_takes(_positive_number, "N", "how many may be here at once"),
    )
    replay: int = field(
        default=DEFAULT_REPLAY,
        metadata=_takes(_replay_number, "N", "how many earlier messages a newcomer is shown"),
    )
    fallback_encoding: str = field(
        default=DEFAULT_FALLBACK_ENCODING,
        metadata=_takes(_encoding, "NAME", "how clients write that send no UTF-8"),
    )
    history: str = field(
        default="",
        metadata=_takes(str, "FILE", "keep what is said in this file (default: in memory)"),
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
        metadata=_takes(str, "FILE", "log what happens into this file as well, as JSON lines"),
    )
    log_messages: bool = field(
        default=False,
        metadata=_switch("log what is said in rooms into that file", needs="log_file"),
    )
    status: bool = field(
        default=False,
        metadata=_switch("keep a line of figures under the log, on a terminal"),
    )
    motd_file: str = field(
        default="",
        metadata=_takes(str, "FILE", "the message of the day, which newcomers are shown"),
    )
    password_file: str = field(
        default="",
        metadata=_takes(str, "FILE", "ask everybody for the password in its first line"),
    )
    op_password_file: str = field(
        default="",
        metadata=_takes(str, "FILE", "its first line makes an operator of who gives it to /op"),
    )


_USES: dict[str, _Use] = {option.name: option.metadata["use"] for option in fields(Options)}


# Reading them


def parse_options(argv: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Return the options from the command line and, where it is silent, the environment."""
    parser = _make_parser()
    said = vars(parser.parse_args(argv))
    groups = {_USES[name].group for name in said} - {""}
    for name, use in _USES.items():
        text = environment.get(variable_of(name), "")
        if text and name not in said and use.group not in groups:
            try:
                said[name] = use.read(text)
            except argparse.ArgumentTypeError as error:
                parser.error(f"environment variable {variable_of(name)}: {error}")
    options = Options(**said)
    for name, use in _USES.items():
        if use.needs and getattr(options, name) and not getattr(options, use.needs):
            parser.error(f"{_flag_of(name)} needs {_flag_of(use.needs)} as well")
    return options


def variable_of(name: str) -> str:
    """Return the environment variable of the option that is the field `name`."""
    return f"THREADCHAT_{name.upper()}"


def _flag_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _make_parser() -> Parser:
    parser = Parser(
        prog="threadchat",
        description="A chat server for a LAN: people join with telnet or netcat.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # so that only what was said is in the result
    )
    names = {use.group for use in _USES.values()} - {""}
    groups = {name: parser.add_mutually_exclusive_group() for name in names}
    for option in fields(Options):
        use = _USES[option.name]
        flag = _flag_of(option.name)
        if use.metavar:
            default = f" (default: {option.default})" if option.default != "" else ""
            parser.add_argument(flag, type=use.read, metavar=use.metavar, help=use.help + default)
        else:
            place = groups[use.group] if use.group else parser
            place.add_argument(flag, action="store_true", help=use.help)
    parser.add_argument("--version", action="version", version=f"threadchat {__version__}")
    return parser
