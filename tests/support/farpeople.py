"""Other servers as a chat knows them, and people on them, without a link."""

from dataclasses import replace
from typing import Any

from tests.support.chats import Lobby
from tests.support.facts import NOTHING
from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Person
from threadchat.text.names import fold_name, skeleton


class Others:
    """The other servers: what the chat asks of them, and what it lets them know."""

    def __init__(self) -> None:
        self.is_out_of_reach = False
        self.may_claim = True
        self.answer: bool | None = False
        self.told: list[str] = []

    def claim(self, person: Person, name: str) -> bool:
        self.told.append(f"claim {name}")
        return self.may_claim

    def release(self, person: Person, name: str) -> None:
        self.told.append(f"release {name}")

    def seat(self, person: Person) -> None:
        self.told.append(f"seat {person.name}")

    def changed(self, person: Person, lost_after: float = 0.0) -> None:
        where = person.room.name if person.room else "nowhere"
        self.told.append(f"{person.name} in {where}")

    def make_way(self, holder: FarPerson, person: Person, *, is_proven: bool) -> bool | None:
        self.told.append(f"make way {holder.name} {is_proven}")
        return self.answer

    def server_of(self, node: str) -> str:
        return "box:8000"

    def hush(self) -> None:
        self.told.append("hush")

    def whisper(self, person: Person, recipient: FarPerson, text: str) -> None:
        self.told.append(f"{person.name} -> {recipient.name} at {recipient.node}: {text}")


def know(lobby: Lobby, others: Others, name: str, key: str = "7", **facts: Any) -> FarPerson:
    """Let the chat know somebody called `name` on the node "n"."""
    now = lobby.records.now()
    known = replace(NOTHING, name=name, came_at=now, named_at=now, uid=f"u{key}")
    known = replace(known, **facts)
    lobby.chat.far.know("n", key, fold_name(name), skeleton(name), known, others)
    person = lobby.chat.far.find("n", key)
    assert person is not None
    return person


def forget(lobby: Lobby, name: str, key: str = "7") -> None:
    lobby.chat.far.forget("n", key, fold_name(name), skeleton(name))
