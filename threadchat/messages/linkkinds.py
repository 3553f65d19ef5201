"""Define the kinds of messages that only servers have that are linked with others.

They are data, and their lines are plain ASCII, as those of `kinds`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadchat.text.phrases import count, list_names
from threadchat.text.times import moment


@dataclass(frozen=True, slots=True)
class ApartBegins:
    """What follows was said from `begin` to `end` on a server that had no link to this one then."""

    begin: float
    end: float
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        when = f"from {moment(self.begin, self.at)} to {moment(self.end, self.at)}"
        return f"--- Said {when} on a server that had no link, and shown here only now:"


@dataclass(frozen=True, slots=True)
class ApartEnds:
    """From here on is what was said while there was a link."""

    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return "--- From here on it is what all servers read at once."


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The server goes on by itself: it has no link to the others any more."""

    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return (
            "--- There is no link to the other servers for now: only people on this one read what"
            " you say. The others read it later."
        )


@dataclass(frozen=True, slots=True)
class LinkBack:
    """The server has a link to the others again."""

    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return "--- The link to the other servers is back: all read what you say."


@dataclass(frozen=True, slots=True)
class LeftWithServer:
    """People of a room whose server is gone, and they with it.

    For a crowd, `names` may hold only the first few of them, and `count` says how many they are.
    """

    names: Sequence[str]
    count: int | None = None
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"<-- {list_names(self.names, self.count)} left (their server is gone)"


@dataclass(frozen=True, slots=True)
class LinesMissed:
    """What another server has said while this one had no link, and is not there any more."""

    missing: int
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {count(self.missing, 'line was', 'lines were')} missed"
