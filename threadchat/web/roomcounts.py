"""Tell pages which rooms there are, and how much was said there."""

from collections.abc import Mapping, Sequence

from threadchat.chat.chat import Chat
from threadchat.chat.entries import NOWHERE
from threadchat.messages.places import Place
from threadchat.web.connection import WebConnection
from threadchat.web.objects import obj

MAX_ROOMS = 200
"""The most rooms that pages are told of: those with the most people."""

Numbers = Mapping[str, tuple[int, Place]]
"""The number of people in each room, and the place of the last line that was said there."""


def tell_of_rooms(chat: Chat, connections: Sequence[WebConnection]) -> None:
    """Tell the pages of `connections` of the rooms, except those that know it already.

    A page sees for itself what is said in its own room, so that alone is no news to it.
    """
    if not connections:
        return
    now = _numbers(chat)
    data = obj(
        "rooms_now",
        rooms=[
            {"room": it, "people": people, "epoch": last.epoch, "seq": last.seq}
            for it, (people, last) in now.items()
        ],
    )
    # Nearly all were told the same the last time, and are in few rooms.
    is_news: dict[tuple[int, str], bool] = {}
    for connection in connections:
        link, room = connection.links.current, connection.person.room
        if link is None:
            continue
        told, here = link.told, "" if room is None else room.name
        key = id(told), here
        if key not in is_news:
            is_news[key] = told is None or _without(told, here) != _without(now, here)
        if is_news[key]:
            link.told = now
            connection.deliver(data)


def _numbers(chat: Chat) -> Numbers:
    rooms = sorted(chat.open_rooms.all(), key=lambda room: -room.number)[:MAX_ROOMS]
    return {it.name: (it.number, chat.last_place(it.name)) for it in rooms}


def _without(numbers: Numbers, room: str) -> Numbers:
    """Return `numbers` without how much was said in `room`."""
    people = numbers.get(room, (0, NOWHERE))[0]
    return {**numbers, room: (people, NOWHERE)}
