"""What others are told of a person at a page that does not read now."""

from tests.support.chats import Lobby
from tests.web.fakelink import FakeLink
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.net.disconnect import Reason
from threadchat.web.connection import WebConnection
from threadchat.web.person import PagePerson


def test_others_are_told_why_a_page_does_not_read(lobby: Lobby) -> None:
    link = FakeLink()
    person = PagePerson(1, link.address, link.it.send, JSON_LINES)
    client = WebConnection(person, link.it, lobby.chat, {})
    person.attach(client, client.deliver, JSON_LINES, client.deliver_privately)
    lobby.chat.names.claim(person, "al")
    assert person.why_unread == ""
    client.links.lose(link.it, is_final=False)
    words = "The connection of al is lost. That is read only if it is back within 30 s."
    assert person.why_unread == words
    client.end(Reason.QUIT, "Goodbye.")
    assert person.why_unread == "al has just left, and does not read that."
    client.close()
    assert person.why_unread == "al has just left, and does not read that."
