"""Read options from a file of TOML.

An option has the same name there as on the command line, such as `max-clients`. A switch is true or
false; a number stands alone; every other value is a string, as on the command line. An option that
may be given more than once takes an array, too. Relative names of files go from the folder of the
file, so that they mean the same wherever the server is started.
"""

import argparse
import difflib
import functools
import operator
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadchat.cli.options import USES, Use, exclusive, key_of
from threadchat.errors import OperatorError
from threadchat.text.files import as_text, read_file, why_unreadable

_LONGEST = 300
"""The most characters of what is said of a wrong file, behind its name."""

_NOT_IN_A_FILE = "config"
"""The option that names the file."""

_NUMBERS = {"N", "TIME"}
"""Options with these in their metavar take numbers, too."""

_HINTS = (
    ("Unescaped '\\'", "in single quotes a backslash stands for itself"),
    ('Expected "\'"', "a string ends on its own line, with a quote"),
    ("Illegal character '\\n'", "a string ends on its own line, with a quote"),
    ("Invalid value", "a string stands in quotes"),
    ("Expected newline", "a string stands in quotes"),
    ("Invalid statement", "an option is written as in port = 8000"),
    ("Expected '='", "an option is written as in port = 8000"),
)
"""How errors of `tomllib` begin, and the way out of each."""


class BadConfig(OperatorError):
    """Something is wrong in the file. Says in one line where and what, and the way out."""

    def __init__(self, place: str, words: str) -> None:
        super().__init__(f"{place}: {words[:_LONGEST]}")


@dataclass(frozen=True, slots=True)
class Config:
    """The options in a file: `values` by the names of the fields of `Options`."""

    path: str
    text: str
    values: dict[str, object]

    def place_of(self, name: str) -> str:
        """Return the file and the line in which the option `name` is given."""
        return _place(self.path, self.text, key_of(name))


def read_config(path: str) -> Config:
    """Return the options in the file, or raise `BadConfig`."""
    text = _read(path)
    # From a pipe, as of `<(command)` in a shell, there is no folder to go from.
    folder = os.path.dirname(path) if os.path.isfile(path) else ""
    values: dict[str, object] = {}
    for key, value in _parse(path, text).items():
        try:
            name = _name_of(key, value)
            values[name] = _value_of(USES[name], value, folder)
        except argparse.ArgumentTypeError as error:
            raise BadConfig(_place(path, text, key), f"{_shown(key)}: {error}") from None
    config = Config(path, text, values)
    if both := exclusive(values):
        names = " and ".join(map(key_of, both))
        raise BadConfig(config.place_of(both[1]), f"{names} exclude each other. Leave one out")
    return config


def _read(path: str) -> str:
    try:
        data = read_file(path)
    except OSError as error:
        raise BadConfig(f"{path} cannot be read", why_unreadable(path, error)) from None
    if not data and Path(path).is_fifo():
        raise BadConfig(f"{path} cannot be read", "it is a pipe, and nothing came. Name a file.")
    try:
        return as_text(data).read() + "\n"  # so that an error at the end has a line, too
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadConfig(f"{path}:{line}", "this is no UTF-8. Save the file as that") from None


def _parse(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
    except RecursionError:
        raise BadConfig(path, "this is nested too deeply. Options need no nesting") from None
    except ValueError:  # about the digits of a number
        raise BadConfig(path, "a number is too long. Shorten it") from None
    found = re.fullmatch(r"(.*) \((?:at line (\d+), column (\d+)|at end of document)\)", words)
    wrong = found[1] if found else words
    line = int(found[2]) if found and found[2] else text.count("\n")
    column = f":{found[3]}" if found and found[3] else ""
    if wrong.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")):
        raise BadConfig(f"{path}:{line}", "this is given twice. Leave one of them out")
    hint = next((hint for begin, hint in _HINTS if wrong.startswith(begin)), "")
    raise BadConfig(f"{path}:{line}{column}", f"no TOML: {wrong}" + (f"; {hint}" if hint else ""))


def _name_of(key: str, value: object) -> str:
    """Return the name of the field for the option `key`, or raise `ArgumentTypeError`."""
    names = {key_of(name): name for name in USES if name != _NOT_IN_A_FILE}
    if isinstance(value, dict) or (isinstance(value, list) and dict in map(type, value)):
        raise argparse.ArgumentTypeError("this is a table; options stand outside of tables")
    if key in names:
        return names[key]
    if key == _NOT_IN_A_FILE:
        raise argparse.ArgumentTypeError("this is for the command line and the environment alone")
    meant = key.strip().lower().replace("_", "-").lstrip("-").removeprefix("threadchat-")
    close = difflib.get_close_matches(meant, names, 1)
    if f"no-{meant}" in names:
        hint = f"; no-{meant} = true switches that off"
    elif close:
        hint = f". Did you mean {close[0]}?"
    else:
        hint = ""
    raise argparse.ArgumentTypeError(f"there is no such option{hint}")


def _value_of(use: Use, value: object, folder: str) -> object:
    """Return the value for an option, or raise `ArgumentTypeError`."""
    if not use.metavar:
        if not isinstance(value, bool):
            raise argparse.ArgumentTypeError("this is either true or false, without quotes")
        return value
    if not isinstance(value, list):
        return _one_value_of(use, value, folder)
    if not use.is_repeatable:
        raise argparse.ArgumentTypeError(f"this takes one {use.metavar} alone, not an array")
    if not value:
        raise argparse.ArgumentTypeError("the array is empty; to have the default, leave this out")
    return functools.reduce(operator.add, (_one_value_of(use, one, folder) for one in value))


def _one_value_of(use: Use, value: object, folder: str) -> object:
    takes_numbers = not _NUMBERS.isdisjoint(use.metavar.split("|"))
    if isinstance(value, str):
        text = value
    elif takes_numbers and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            text = str(value)
        except ValueError:
            raise argparse.ArgumentTypeError("the number is too long") from None
    else:
        kind = "a number, or a string" if takes_numbers else "a string"
        raise argparse.ArgumentTypeError(f"this takes {use.metavar}: {kind} in quotes")
    if "\0" in text:
        raise argparse.ArgumentTypeError("there is a NUL in it; leave that out")
    if use.metavar == "FILE" and text not in ("", "-"):
        text = os.path.join(folder, text)
    return use.read(text)


def _place(path: str, text: str, key: str) -> str:
    """Return the file, and the line in which the option or the table `key` stands, if found.

    A line within a string may look like one of an option. But what stands before an option is TOML.
    """
    name = re.escape(key)
    pattern = re.compile(rf"[ \t]*\[*[ \t]*(?:{name}|\"{name}\"|'{name}')[ \t]*[].=]", re.MULTILINE)
    for found in pattern.finditer(text):
        before = text[: found.start()]
        if before and not before.endswith("\n"):
            continue
        try:
            tomllib.loads(before)
        except ValueError:
            continue
        return f"{path}:{before.count(chr(10)) + 1}"
    return path


def _shown(key: str) -> str:
    return key if re.fullmatch(r"[\w.-]{1,40}", key, re.ASCII) else repr(key[:40])
