"""Members of rooms that are not people: they keep what they are handed."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field

from threadchat.chat.identity import Identity
from threadchat.chat.interfaces import Gathering
from threadchat.messages.format import Format
from threadchat.terminal.view import View
from threadchat.testing import DEADLINE


@dataclass(eq=False)
class FakeMember:
    name: str
    format: Format = field(default_factory=View)
    pages: list[bytes] = field(default_factory=list)
    hears_itself: bool = False
    folded_name: str = ""
    ignores: Collection[Identity] = ()
    identity: Identity = field(default_factory=Identity)

    def __post_init__(self) -> None:
        self.folded_name = self.name.casefold()

    def deliver(self, data: bytes) -> None:
        self.pages.append(data)

    def deliver_later(self, data: bytes) -> Gathering | None:
        self.deliver(data)
        return None

    @property
    def screen(self) -> str:
        return b"".join(self.pages).decode(
            self.format.encoding if isinstance(self.format, View) else "ascii"
        )


class GatedMember(FakeMember):
    """Holds up the delivery of a batch until its gate opens; meanwhile the next batch fills."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.is_held = threading.Event()
        self.gate = threading.Event()

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        self.is_held.set()
        assert self.gate.wait(DEADLINE)
