"""Topics as other servers have set them."""

import pytest

from tests.support.chats import Lobby
from threadchat.link.shared import Change
from threadchat.link.sharedtopics import SharedTopics
from threadchat.messages.kinds import TopicSet

TEA = {"room": "Tea", "by": "bo", "text": "green"}


def test_a_topic_of_a_room_that_is_not_open_is_remembered(lobby: Lobby) -> None:
    topics = SharedTopics(lobby.chat)
    assert list(topics.items()) == []
    topics.put("tea", Change(TEA))
    assert lobby.chat.announcements.topics() == {"Tea": "green"}
    assert topics.value("tea") == TEA
    assert list(SharedTopics(lobby.chat).items()) == [("tea", 0.0)]


def test_where_the_room_is_open_a_batch_shows_it_or_else_this_does(lobby: Lobby) -> None:
    topics = SharedTopics(lobby.chat)
    (al,) = lobby.enter("al")
    here = {"room": "lobby", "by": "bo", "text": "lunch"}
    topics.saw("Lobby", TopicSet("bo", "lunch"))
    topics.put("lobby", Change(here))
    assert al.lines() == []
    topics.saw("lobby", TopicSet("cy", "dinner"))  # between the batch and what is told of it
    topics.put("lobby", Change(here))
    assert al.lines() == ["--- bo set the topic: lunch"]
    topics.put("lobby", Change(here, is_late=True))
    assert al.lines() == []


def test_one_that_counts_is_set_again_behind_one_that_does_not(lobby: Lobby) -> None:
    topics = SharedTopics(lobby.chat)
    (al,) = lobby.enter("al")
    assert topics.note("Lobby", TopicSet("al", "lunch")) == "lobby"
    lobby.chat.lobby.announce(TopicSet("bo", "dinner"))
    topics.saw("lobby", TopicSet("bo", "dinner"))
    topics.stays("lobby")
    topics.stays("unknown")
    assert al.lines() == ["--- bo set the topic: dinner", "--- al set the topic: lunch"]
    assert lobby.chat.lobby.topic == "lunch"


def test_one_of_before_is_set_and_not_shown(lobby: Lobby) -> None:
    topics = SharedTopics(lobby.chat)
    (al,) = lobby.enter("al")
    topics.put("lobby", Change({"room": "lobby", "by": "", "text": "lunch"}, is_late=True))
    topics.stays("lobby")
    topics.put("lobby", Change(None))
    assert lobby.chat.lobby.topic == "lunch"
    assert al.lines() == []


@pytest.mark.parametrize("key", ["lobby", "TEA"])
def test_one_for_another_room_is_refused(lobby: Lobby, key: str) -> None:
    with pytest.raises(ValueError, match="stands for another"):
        SharedTopics(lobby.chat).put(key, Change(TEA))


def test_it_is_made_safe(lobby: Lobby) -> None:
    topics = SharedTopics(lobby.chat)
    topics.put("tea", Change({"room": "tea", "by": "x", "text": "\x1b[2J" + 300 * "x"}))
    (text,) = lobby.chat.announcements.topics().values()
    assert "\x1b" not in text
    assert len(text) <= 200
