"""Read the options from the command line, the environment and the configuration file.

`max_clients` is `--max-clients` on the command line, `THREADCHAT_MAX_CLIENTS` in the environment
and `max-clients` in the file. They come in this order: what the command line says counts. A wrong
option gets one line that says what is wrong, and exit status 2.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from threadchat import __version__
from threadchat.cli.arguments import Parser
from threadchat.cli.configfile import BadConfig, read_config
from threadchat.cli.options import (
    USES,
    Options,
    exclusive,
    flag_of,
    key_of,
    port_number,
    port_or_off,
)

T = TypeVar("T")

_EXAMPLES = """\
examples:
  threadchat                            serve everybody on the LAN on port 8000
  threadchat --port 4000                another port; --port 0 picks a free one and says which
  threadchat --host 127.0.0.1           only people on this machine
  threadchat --show-messages >chat.log  log what is said, too
  threadchat --history chat.db          remember what is said over a restart
  threadchat --log-file log.jsonl       log what happens into a file, for programs to read
  threadchat --log-file -               the same to standard output, as for a container
  threadchat --config chat.toml         take the options from a file, as a service does
  threadchat export chat.db             print what was said; see threadchat export --help
  threadchat backup chat.db copy.db     copy the history, also while the server runs
  threadchat check chat.db              say whether the history is whole
  threadchat find                       list the servers on the LAN

Each option can also be set in the environment, as THREADCHAT_PORT=4000 or THREADCHAT_QUIET=1, and
in the file of --config, as port = 4000 or quiet = true. The command line comes before the
environment, and that before the file. Files named there are looked for from its own folder.
People join with: telnet ADDRESS 8000, or nc ADDRESS 8000
"""


def parse_options(
    argv: Sequence[str],
    environment: Mapping[str, str],
    tell: Callable[[str], object] = lambda words: None,
) -> Options:
    """Return the options: from the command line, else the environment, else the configuration file.

    Exit with status 2 and one line if an option is wrong. `tell` is called with a line for the
    operator for each variable that is ignored.
    """
    parser = _make_parser()
    said = vars(parser.parse_args(argv))
    from_file: set[str] = set()
    config = None
    try:
        said |= _from_environment(environment, said, tell)
        if path := said.get("config"):
            config = read_config(path)
            values = _not_ruled_out(config.values, said)
            from_file |= values.keys()
            said |= values
    except (BadConfig, argparse.ArgumentTypeError) as error:
        parser.error(str(error))
    options = Options(**said)
    for name, use in USES.items():
        if use.needs and getattr(options, name) and not getattr(options, use.needs):
            if config is not None and name in from_file:
                place, option, needed = config.place_of(name), key_of(name), key_of(use.needs)
                parser.error(f"{place}: {option} needs {needed} as well")
            parser.error(f"{flag_of(name)} needs {flag_of(use.needs)} as well")
    return options


def _from_environment(
    environment: Mapping[str, str], said: Mapping[str, object], tell: Callable[[str], object]
) -> dict[str, object]:
    """Return the options of the environment that `said` leaves open."""
    found: dict[str, object] = {}
    # What the command line says is not looked at here, even if it is wrong.
    for name in _not_ruled_out(USES, said):
        use, text = USES[name], environment.get(variable_of(name), "")
        if not text:
            continue
        if use.read in (port_number, port_or_off) and text.startswith(_ADDRESS_OF_A_SERVICE):
            tell(
                f"{variable_of(name)} is ignored, as Kubernetes sets it for a service:"
                f" {text!r} is no port. {flag_of(name)} says which port to serve"
            )
            continue
        try:
            found[name] = use.read(text)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(
                f"environment variable {variable_of(name)}: {error}"
            ) from None
    if both := exclusive(found):
        names = " and ".join(map(variable_of, both))
        raise argparse.ArgumentTypeError(f"{names} exclude each other: set one of them")
    return found


def _not_ruled_out(values: Mapping[str, T], said: Mapping[str, object]) -> dict[str, T]:
    """Return those of `values` that `said` has not, nor another switch of their group."""
    groups = {USES[name].group for name, value in said.items() if value} - {""}
    return {
        name: value
        for name, value in values.items()
        if name not in said and USES[name].group not in groups
    }


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
        flag = flag_of(option.name)
        if use.metavar:
            default = option.default
            is_told = default in ("", ()) or "(default:" in use.help
            shown = f"{default:g}" if isinstance(default, float) else default
            parser.add_argument(
                flag,
                type=use.read,
                action=_Add if use.is_repeatable else "store",
                metavar=use.metavar,
                help=use.help if is_told else f"{use.help} (default: {shown})",
            )
        else:
            place = groups[use.group] if use.group else parser
            place.add_argument(flag, action="store_true", help=use.help)
    parser.add_argument("--version", action="version", version=f"threadchat {__version__}")
    return parser
