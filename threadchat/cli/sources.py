"""Read the options from the command line and the environment.

`max_clients` is `--max-clients` on the command line and `THREADCHAT_MAX_CLIENTS` in the
environment. A wrong option gets one line that says what is wrong, and exit status 2.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from threadchat import __version__
from threadchat.cli.arguments import Parser
from threadchat.cli.options import USES, Options, port_number, port_or_off

_EXAMPLES = """\
examples:
  threadchat                            serve everybody on the LAN on port 8000
  threadchat --port 4000                another port; --port 0 picks a free one and says which
  threadchat --host 127.0.0.1           only people on this machine
  threadchat --show-messages >chat.log  log what is said, too
  threadchat --history chat.db          remember what is said over a restart
  threadchat --log-file log.jsonl       log what happens into a file, for programs to read
  threadchat --log-file -               the same to standard output, as for a container
  threadchat export chat.db             print what was said; see threadchat export --help
  threadchat backup chat.db copy.db     copy the history, also while the server runs
  threadchat check chat.db              say whether the history is whole

Each option can also be set in the environment, as THREADCHAT_PORT=4000 or THREADCHAT_QUIET=1.
People join with: telnet ADDRESS 8000, or nc ADDRESS 8000
"""


def parse_options(
    argv: Sequence[str],
    environment: Mapping[str, str],
    tell: Callable[[str], object] = lambda words: None,
) -> Options:
    """Return the options; for those that the command line lacks, use the environment.

    Exit with status 2 and one line if an option is wrong. `tell` is called with a line for the
    operator for each variable that is ignored.
    """
    parser = _make_parser()
    said = vars(parser.parse_args(argv))
    groups = {USES[name].group for name in said} - {""}
    for name, use in USES.items():
        text = environment.get(variable_of(name), "")
        if text and name not in said and use.group not in groups:
            if use.read in (port_number, port_or_off) and text.startswith(_ADDRESS_OF_A_SERVICE):
                tell(
                    f"{variable_of(name)} is ignored, as Kubernetes sets it for a service:"
                    f" {text!r} is no port. {_flag_of(name)} says which port to serve"
                )
                continue
            try:
                said[name] = use.read(text)
            except argparse.ArgumentTypeError as error:
                parser.error(f"environment variable {variable_of(name)}: {error}")
    options = Options(**said)
    for name, use in USES.items():
        if use.needs and getattr(options, name) and not getattr(options, use.needs):
            parser.error(f"{_flag_of(name)} needs {_flag_of(use.needs)} as well")
    return options


_ADDRESS_OF_A_SERVICE = "tcp://"
"""How a value begins that Kubernetes gives to THREADCHAT_PORT for a service called threadchat.

Docker does the same for a container that is linked under that name.
"""


class _Add(argparse.Action):
    """Add the value to the values that were given before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, values if before is None else before + values)


def variable_of(name: str) -> str:
    """Return the name of the environment variable for the option `name`."""
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
        argument_default=argparse.SUPPRESS,  # so that the result has only options that were given
    )
    names = {use.group for use in USES.values()} - {""}
    groups = {name: parser.add_mutually_exclusive_group() for name in names}
    for option in fields(Options):
        use = USES[option.name]
        flag = _flag_of(option.name)
        if use.metavar:
            is_told = option.default == "" or "(default:" in use.help
            parser.add_argument(
                flag,
                type=use.read,
                action=_Add if use.is_repeatable else "store",
                metavar=use.metavar,
                help=use.help if is_told else f"{use.help} (default: {option.default})",
            )
        else:
            place = groups[use.group] if use.group else parser
            place.add_argument(flag, action="store_true", help=use.help)
    parser.add_argument("--version", action="version", version=f"threadchat {__version__}")
    return parser
