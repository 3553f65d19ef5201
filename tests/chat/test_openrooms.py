"""The rooms with people in them, here and on other servers."""

from typing import cast

from tests.support.chats import Lobby
from threadchat.chat.farpeople import FarPeople
from threadchat.chat.openrooms import OpenRoom, OpenRooms


class Far:
    """People on other servers, as far as rooms go by them."""

    def rooms(self) -> dict[str, str]:
        return {"lobby": "lobby", "den": "Den"}

    def count_in(self, room: str) -> int:
        return {"lobby": 5, "Den": 2}[room]


def test_people_here_and_elsewhere_count_together(lobby: Lobby) -> None:
    lobby.enter("al", "bo")
    rooms = OpenRooms(lobby.chat.rooms, cast(FarPeople, Far()), lobby.history)
    here, elsewhere = rooms.all()
    assert (here.name, here.number, here.here) == ("lobby", 7, lobby.chat.lobby)
    assert elsewhere == OpenRoom("Den", "", 2)
    assert rooms.called("LOBBY") == here
    assert rooms.called("DEN") == elsewhere
