"""Tell a page about its own person: the session, the room, the commands, and what has changed."""

from threadchat.chat.interfaces import Member
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.web.links import Links
from threadchat.web.objects import obj


class SelfView:
    """What the page of `person` was told. For the person's own thread, but for `tell_room`."""

    def __init__(self, person: Person, links: Links) -> None:
        self.registry: Registry | None = None
        """The commands, once there is a session."""
        self._person = person
        self._links = links
        self._room = ""  # the room that the page was told it is in
        self._shown: dict[str, object] = {}  # what the page was told of the person

    def tell_session(self, key: str, taken: int, *, is_resumed: bool) -> None:
        """Tell the page of its session, and which commands there are.

        `taken` is the number of the last line that was taken in.
        """
        name = self._person.name
        session = obj("session", key=key, name=name, taken=taken, is_resumed=is_resumed)
        self._links.send(session)
        self._tell_commands()

    def _tell_commands(self) -> None:
        if self.registry is not None:
            commands = [
                {
                    "name": it.name,
                    "arguments": it.arguments,
                    "summary": it.summary,
                    "topic": it.topic,
                }
                for it in self.registry.commands_for(self._person)
            ]
            self._links.send(obj("commands", commands=commands))

    @property
    def is_outdated(self) -> bool:
        """Whether somebody else has changed the person's name, or made them an operator, or not."""
        shown, person = self._shown, self._person
        return bool(shown) and (
            shown["name"] != person.name or shown["is_operator"] != person.is_operator
        )

    def show_changes(self) -> None:
        """Tell the page what has become of the person: others are told in the room, they are not.

        So a line that changed the name, or the topic, has its effect on the page of its sender.
        """
        person, room = self._person, self._person.room
        now: dict[str, object] = {
            "name": person.name,
            "away": person.away,
            "is_operator": person.is_operator,
            "topic": "" if room is None else room.topic,
        }
        if now != self._shown:
            if self._shown and now["is_operator"] != self._shown["is_operator"]:
                self._tell_commands()
            self._shown = now
            self._links.send(obj("you", **now))

    def forget_changes(self) -> None:
        """Have all of that told anew: the page may have been loaded anew."""
        self._shown = {}

    def show_room(self) -> None:
        """Tell the page which room it is in, if it has not been told."""
        room = self._person.room
        if room is not None and room.name != self._room:
            room.resume(self._person, None, self.tell_room)

    def tell_room(self) -> None:
        """Send the room and its people. For a thread that has the room's turn."""
        room = self._person.room
        if room is None:
            return
        self._room = room.name
        link = self._links.current
        if link is not None:
            link.told = None  # the page is told of the rooms anew
        people = [{"name": it.name, "is_away": _is_away(it)} for it in room.people]
        self._links.send(obj("room", room=room.name, topic=room.topic, people=people))


def _is_away(member: Member) -> bool:
    return getattr(member, "away", None) is not None
