"""Test that errors of a history that an embedding program brings end nobody, and are told."""

from collections.abc import Sequence

from tests.support.clients import Client
from tests.support.servers import run_server
from threadchat.messages.kinds import Spoken
from threadchat.messages.places import Place
from threadchat.storage.history import History
from threadchat.storage.searching import Found


class Broken(History):
    """A history that fails once people are there."""

    is_broken = False

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        self._fail()

    def recent(self, room: str, number: int) -> list[Spoken]:
        self._fail()
        return []

    def search(self, words: str, number: int) -> list[Found]:
        self._fail()
        return []

    def last_place(self, room: str) -> Place:
        self._fail()
        return super().last_place(room)

    def set_topic(self, room: str, topic: str) -> None:
        self._fail()

    def topic(self, room: str) -> str:
        self._fail()
        return ""

    def _fail(self) -> None:
        if self.is_broken:
            raise OSError("it is gone")


def test_whoever_asks_is_told_and_so_is_the_operator() -> None:
    history = Broken()
    with run_server(history=history) as (server, console), Client(server, "al") as al:
        history.is_broken = True
        for command in ("/last", "/search"):
            al.type(f"{command} 9")
            al.expect(f"Something went wrong with {command}, and the operator has been told.")
            assert f"running {command} for al: OSError: it is gone" in console.troubles
        for line in ("hi", "/topic new", "/join den", "/leave"):
            before = len(console.troubles)
            al.type(line)
            al.sync()
            assert len(console.troubles) > before
        history.is_broken = False
        console.troubles.clear()
