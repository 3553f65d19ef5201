"""Define bans of a name, an address or a network, for how long and why, and read them from text.

Pure functions of text and of the time that is handed in. `threadchat.storage.records` keeps the
bans.
"""

import contextlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from threadchat.errors import PersonError
from threadchat.net.addresses import IPAddress, IPNetwork, address_of, bare_host, network_of
from threadchat.text.names import BadName, clean_name, fold_name, skeleton
from threadchat.text.phrases import duration, minute
from threadchat.text.times import BadTime, moment, split_time

Target = str | IPNetwork
"""The target of a ban: a name, or a network. A single address is a network of one."""


class BadBan(PersonError):
    """The words of a ban cannot be understood. Says in one line what is wrong with them."""


class NoAddress(BadBan):
    """Something looks like an address or a network and is none, so it may be meant for one."""


@dataclass(frozen=True)
class Ban:
    """A ban that keeps its target out from `at` until `until`; None means that it has no end.

    Both times are in seconds since the epoch. `by` is the operator, and `why` the reason. `spared`
    are names, folded, that look like the target and were somebody else's when the ban was set.
    """

    target: Target
    by: str
    why: str
    at: float
    until: float | None = None
    spared: frozenset[str] = frozenset()

    @property
    def network(self) -> IPNetwork | None:
        """The banned network; None if a name is banned."""
        return None if isinstance(self.target, str) else self.target

    def is_over(self, now: float) -> bool:
        """Return whether the ban has ended."""
        return self.until is not None and self.until <= now

    def line(self, now: float) -> str:
        """Return the line that shows the ban to people, without a mark before it.

        The reason, in the operator's own words, is its end: put nothing behind it.
        """
        rest = ""
        if self.until is not None:
            rest = f" until {moment(self.until, now)} ({duration(self.until - now)} more)"
        why = f": {self.why}" if self.why else ""
        return f"{show_target(self.target)} by {self.by} since {minute(self.at)}{rest}{why}"

    def is_of_address(self, address: IPAddress) -> bool:
        """Return whether the ban keeps out clients from `address`."""
        return self.network is not None and address in self.network

    def is_of_name(self, name: str) -> bool:
        """Return whether the ban is of `name`, or of one that `name` looks like.

        A name that differs in nothing but marks, such as `bo.` or `b_o`, looks like the name here.
        """
        if self._forms is None or fold_name(name) in self.spared:
            return False
        fold, looks = _forms_of(name)
        return fold == self._forms[0] or looks == self._forms[1]

    def keeps_out(self, name: str, host: str) -> bool:
        """Return whether the ban keeps out a person with that name, or from that host."""
        if self.network is None:
            return self.is_of_name(name)
        try:
            return self.is_of_address(address_of(host))
        except ValueError:  # some other kind of door, without an address
            return False

    @cached_property
    def _forms(self) -> tuple[str, str] | None:
        return _forms_of(self.target) if isinstance(self.target, str) else None


_MARKS = str.maketrans(dict.fromkeys("-_."))


def _forms_of(name: str) -> tuple[str, str]:
    """Return what two names have in common, the one or the other, if they look alike to a ban."""
    return fold_name(name).translate(_MARKS), skeleton(name).translate(_MARKS)


def key_of(target: Target) -> str:
    """Return a key that is equal for two targets if they are the same one."""
    # A name has no slash, and a network always has one.
    return fold_name(target) if isinstance(target, str) else str(target)


def show_target(target: Target) -> str:
    """Return `target` as people write it: an address without the size of its network.

    A name that looks like an address is in quotes.
    """
    if isinstance(target, str):
        return f'"{target}"' if _looks_like_address(target) else target
    if target.num_addresses > 1:
        return str(target)
    return str(target.network_address)


# The words of a ban: NAME|ADDRESS|NETWORK [TIME] [WHY]


def parse_ban(words: str) -> tuple[Target, float | None, str]:
    """Return the target, the seconds and the reason in `words`, as in `10.0.0.0/8 2h flooding`.

    None seconds mean that the ban has no end. Raise `BadBan` if a part is wrong.
    """
    target, _, rest = words.strip().partition(" ")
    try:
        seconds, why = split_time(rest)
    except BadTime as error:
        raise BadBan(f"{error} A reason begins with another word.") from None
    return parse_target(target), seconds, why


_LIKE_AN_ADDRESS = re.compile(
    # Parts of an address, with marks for any number and for ranges: 127.77, 10.*, 10.0.0.1-9.
    r"[0-9]+\.[0-9x.*-]*|0x[0-9a-f]+\.[0-9a-fx.]*"
    # All of one as a number: 2130706433, 0x7f000001.
    r"|[0-9]{8,10}|0x[0-9a-f]{7,8}"
    # With other marks, as in names of machines; as a name; how IPv6 addresses of a LAN begin.
    r"|(?:[0-9]{1,3}[-_]){3}[0-9]{1,3}|localhost|fe80|fc00|fd[0-9]{2}"
    # An IPv6 address or a network, or something behind an address.
    r"|.*[/:%].*",
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"]*)"')


def _looks_like_address(text: str) -> bool:
    return _LIKE_AN_ADDRESS.fullmatch(unicodedata.normalize("NFKC", text)) is not None


def parse_target(text: str) -> Target:
    """Return the network in `text`, or else the name; raise `BadBan` if it is neither.

    That is a `NoAddress` if it looks like an address, so that a slip does not become a name.
    A network may be written with any of its addresses: 192.168.1.7/24. A name that looks like an
    address is written in quotes: "10.0".
    """
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        try:
            return network_of(bare_host(text))
        except ValueError:
            if _looks_like_address(text):
                raise NoAddress(_what_is_an_address(text)) from None
    try:
        return clean_name(text if quoted is None else quoted[1])
    except BadName as error:
        raise BadBan(f"Nobody can be called that. {error}") from None


def _what_is_an_address(text: str) -> str:
    line = (
        f"{text[:50]!r} is no address or network;"
        " 192.168.1.7, 192.168.1.0/24 and fd00::/8 are some."
    )
    if network := _network_meant(text):
        line += f" Did you mean {network}?"
    try:
        return f'{line} For the name, write "{clean_name(text)}" in quotes.'
    except BadName:
        return line


def _network_meant(text: str) -> str:
    """Return the network that begins with the numbers in `text`: 10.1.0.0/16 for 10.1 and 10.1.*.

    Return "" if there is none.
    """
    begin = re.fullmatch(r"((?:[0-9]+\.){0,2}[0-9]+)(?:\.[*x]?)*", text, re.IGNORECASE)
    if begin is None:
        return ""
    numbers = begin[1].split(".")
    with contextlib.suppress(ValueError):
        return str(network_of(".".join((numbers + ["0"] * 3)[:4]) + f"/{8 * len(numbers)}"))
    return ""
