"""Hold how the link of a server with others is doing, and say it in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from threadchat.text.phrases import count


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link is doing at one moment.

    - `cluster`: the name of all these servers together.
    - `servers`: the others that are linked, each with how many people are on it.
    - `is_linked`: whether the link works; `why` says why not, and the way out.
    - `lag`: the seconds that a line takes, or has taken so far, to its place in the order of all
      servers; None if none was said yet.
    - `waiting`: about how many bytes wait for their place.
    """

    cluster: str
    servers: Sequence[tuple[str, int]]
    is_linked: bool
    why: str
    lag: float | None
    waiting: int

    @property
    def line(self) -> str:
        """What matters most, in a few words."""
        if not self.is_linked:
            return f"no link as {self.cluster}"
        return f"linked to {count(len(self.servers), 'server')} as {self.cluster}"

    @property
    def words(self) -> str:
        """The same, with which servers these are, or why there is no link."""
        if not self.is_linked:
            return f"{self.line}: {self.why}"
        servers = [f"{name} ({people:,})" for name, people in self.servers]
        return f"{self.line}: {', '.join(servers)}" if servers else self.line

    @property
    def pace(self) -> str:
        """How long lines take, in words; empty if none was said yet."""
        return "" if self.lag is None else f"lines take {1000 * self.lag:,.1f} ms"
