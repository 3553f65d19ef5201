"""Tell pages which rooms there are, and how much was said there."""

from collections.abc import Sequence

from threadchat.chat.chat import Chat
from threadchat.web.connection import WebConnection
from threadchat.web.objects import obj

MAX_ROOMS = 200
"""The most rooms that pages are told of: those with the most people."""


def tell_of_rooms(chat: Chat, connections: Sequence[WebConnection]) -> None:
    """Tell the pages of `connections` of the rooms, except those that know it already."""
    if connections:
        data = _rooms_now(chat)
        for connection in connections:
            connection.links.tell_once(data)


def _rooms_now(chat: Chat) -> bytes:
    rooms = sorted(chat.rooms(), key=lambda room: -len(room.members))[:MAX_ROOMS]
    entries = [
        {"room": it.name, "people": len(it.members), "seq": chat.last_place(it).seq} for it in rooms
    ]
    return obj("rooms_now", rooms=entries)
