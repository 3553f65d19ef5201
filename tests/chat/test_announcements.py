"""What is announced, and the topics of rooms, where other servers share them."""

from tests.support.chats import Lobby
from threadchat.chat.farperson import FarPerson
from threadchat.messages.kinds import Announcement, TopicSet


class Others:
    """Keeps what they are told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def set_topic(self, room: str, message: TopicSet) -> None:
        self.told.append((room, message))

    def announce(self, message: Announcement) -> None:
        self.told.append(message)

    def have_done(self, deed: str, other: FarPerson, by: str, words: str = "") -> str:
        raise AssertionError("nobody is elsewhere")


def test_without_others_an_announcement_is_shown_here(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.announcements.announce(Announcement("op", "hear"))
    assert al.lines() == ["--- Announcement by op: hear"]


def test_others_take_an_announcement_and_have_it_shown(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.sharing = others = Others()
    hear = Announcement("op", "hear")
    lobby.chat.announcements.announce(hear)
    assert al.lines() == []
    assert others.told == [hear]
    lobby.chat.announcements.announce_here(hear)
    assert al.lines() == ["--- Announcement by op: hear"]


def test_others_are_told_of_a_topic(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.sharing = others = Others()
    lobby.types(al, "/topic lunch")
    assert others.told == [("lobby", TopicSet("al", "lunch"))]
    assert lobby.chat.announcements.topics() == {"lobby": "lunch"}


def test_a_topic_is_set_quietly_in_a_room_that_is_open_or_not(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.announcements.set_topic_quietly("Lobby", "lunch")
    lobby.chat.announcements.set_topic_quietly("tea", "green")
    assert lobby.chat.lobby.topic == "lunch"
    assert al.lines() == []
    lobby.types(al, "/join tea")
    assert "=== Topic: green" in al.lines()


def test_a_stop_is_called_off_once(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    assert not lobby.chat.announcements.call_off_the_stop()
    lobby.chat.countdown.start(3600)
    assert lobby.chat.announcements.call_off_the_stop()
    assert al.lines()[-1] == "--- The server does not stop after all"


def test_what_all_servers_show_is_shown_where_people_are(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(bo, "/join den")
    for person in (al, bo):
        person.lines()
    lobby.chat.sharing = Others()
    lobby.chat.announcements.announce_here(Announcement("op", "lunch", at=5.0))
    for person in (al, bo):
        (line,) = person.lines()
        assert line.endswith("lunch")
