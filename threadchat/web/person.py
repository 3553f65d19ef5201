"""A person at a page. Their connection may be lost while they keep the seat."""

from threadchat.chat.person import Person
from threadchat.web.connection import WebConnection
from threadchat.web.links import SEAT_SECONDS


class PagePerson(Person):
    """A person that came by a `WebConnection`."""

    __slots__ = ()

    @property
    def why_unread(self) -> str:
        """See `Person.why_unread`."""
        connection = self.connection
        if not isinstance(connection, WebConnection) or connection.links.is_over:
            return f"{self.name} has just left, and does not read that."
        if connection.links.current is None:
            within = f"within {SEAT_SECONDS:.0f} s"
            return (
                f"The connection of {self.name} is lost. That is read only if it is back {within}."
            )
        return ""
