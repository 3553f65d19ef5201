"""Keep the private messages that wait for the owners of protected names, over a restart."""

from collections.abc import Callable, Collection, Sequence

from threadchat.messages.kinds import Private
from threadchat.storage.kept import CANNOT_KEEP, Follow, KeptMessage, Protected, RecordsFull, Turn
from threadchat.storage.values import name_of, text_of, time_of
from threadchat.text.names import fold_name

MAX_MAIL = 100
"""The most private messages that wait for one name."""

MAX_FROM_ONE = 20
"""How many of those can be from the same name."""

_CANNOT_READ = "What waits for you cannot be read just now. Try again in a while."
_CANNOT_DELETE = "You will be shown those messages again: that you were cannot be written."

_COLUMNS = "id, sender, text, at, writer, shown"

_Row = tuple[int, object, object, object, object, object]


class WaitingMail:
    """The mail in the tables of the records. Any thread may use it.

    `protected` returns the record of a name; only protected names have mail. For the errors see
    `Records`.
    """

    def __init__(
        self, turn: Turn, follow: Follow, protected: Callable[[str], Protected | None]
    ) -> None:
        self._turn = turn
        self._follow = follow
        self._protected = protected

    def keep(
        self, message: Private, writer: Protected | None = None, others: Collection[int] = ()
    ) -> int:
        """Keep `message` for its recipient; see `Records.keep`.

        The follower is told of it only by `tell_of`, once it is known to stay.
        """
        recipient = fold_name(message.recipient)
        sender = fold_name(message.sender)
        with self._turn(CANNOT_KEEP) as file:
            if self._protected(recipient) is None:
                return 0
            # The name may be free again by now, or another's.
            owner = None if writer is None else self._protected(writer.name)
            is_known = writer is not None and owner is not None and owner.since == writer.since
            fold = fold_name(writer.name) if writer is not None and is_known else None
            rows = file.read(
                "SELECT id, sender, writer FROM letters WHERE recipient = ?", (recipient,)
            )
            if len(rows) >= MAX_MAIL:
                raise RecordsFull(
                    f"{len(rows)} messages wait for {message.recipient}, and no more can."
                    f" Write again when {message.recipient} is here."
                )
            from_one = [
                id
                for id, name, by in rows
                if id in others
                or fold_name(name_of(name)) == sender
                or (by is not None and by == fold)
            ]
            if len(from_one) >= MAX_FROM_ONE:
                raise RecordsFull(
                    f"{MAX_FROM_ONE} messages from you wait for {message.recipient}, and no more"
                    f" can. Write again when {message.recipient} is here."
                )
            return file.change(
                "INSERT INTO letters (recipient, sender, text, at, writer) VALUES (?, ?, ?, ?, ?)",
                (recipient, message.sender, message.text, message.at, fold),
            )

    def tell_of(self, message: Private) -> None:
        """Tell the follower of a message that was kept here."""
        self._follow("mail", KeptMessage(0, message).key, "")

    def waiting(self, name: str) -> list[KeptMessage]:
        """Return the mail that waits for `name`, oldest first."""
        if self._protected(name) is None:
            return []
        with self._turn(_CANNOT_READ) as file:
            rows = file.read(
                f"SELECT {_COLUMNS} FROM letters WHERE recipient = ? ORDER BY id",
                (fold_name(name),),
            )
        return [self._message_of(name, row) for row in rows]

    def all(self) -> list[KeptMessage]:
        """Return the mail that waits for anybody, oldest first."""
        with self._turn(_CANNOT_READ) as file:
            rows = file.read(f"SELECT recipient, {_COLUMNS} FROM letters ORDER BY id", ())
        return [self._message_of(name_of(recipient), row) for recipient, *row in rows]

    def _message_of(self, recipient: str, row: Sequence[object]) -> KeptMessage:
        id, sender, text, at, writer, shown = row
        assert isinstance(id, int)
        return KeptMessage(
            id,
            Private(name_of(sender), recipient, text_of(text), at=time_of(at)),
            self._protected(str(writer)) if writer else None,
            bool(shown),
        )

    def note_shown(self, kept: Sequence[KeptMessage]) -> None:
        """Note that `kept` were shown; see `Records.note_shown`."""
        self._change("UPDATE letters SET shown = 1", kept, CANNOT_KEEP)

    def handed_over(self, kept: Sequence[KeptMessage]) -> None:
        """Delete `kept`; see `Records.handed_over`."""
        self._change("DELETE FROM letters", kept, _CANNOT_DELETE)

    def _change(self, statement: str, kept: Sequence[KeptMessage], line: str) -> None:
        self._change_quietly(statement, kept, line)
        for it in kept:
            self._follow("mail", it.key, "")

    def _change_quietly(self, statement: str, kept: Sequence[KeptMessage], line: str) -> None:
        marks = ", ".join("?" * len(kept))
        with self._turn(line) as file:
            file.change(f"{statement} WHERE id IN ({marks})", [it.id for it in kept])

    # What came from elsewhere: nobody is told of it

    def find(self, key: str) -> KeptMessage | None:
        """Return the message with that key; None if it does not wait. Raise `RecordsFailed`."""
        recipient = key.partition(" ")[0]
        return next((it for it in self.waiting(recipient) if it.key == key), None)

    def put(self, message: Private, writer: str, *, was_shown: bool) -> KeptMessage | None:
        """Keep a message, or note of one that is kept whether it was shown.

        `writer` is a protected name that its sender had proven, or empty. Return it if it was not
        kept before. Raise `RecordsFailed`.
        """
        known = self.find(KeptMessage(0, message).key)
        if known is not None:
            if was_shown and not known.was_shown:
                self._change_quietly("UPDATE letters SET shown = 1", [known], CANNOT_KEEP)
            return None
        recipient, by = fold_name(message.recipient), self._protected(writer) if writer else None
        with self._turn(CANNOT_KEEP) as file:
            if self._protected(recipient) is None:
                return None
            (waiting,) = file.read("SELECT count(*) FROM letters WHERE recipient = ?", (recipient,))
            if waiting[0] >= 2 * MAX_MAIL:  # each of two servers may have kept so much for itself
                return None
            id = file.change(
                "INSERT INTO letters (recipient, sender, text, at, writer, shown)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    recipient,
                    message.sender,
                    message.text,
                    message.at,
                    fold_name(by.name) if by else None,
                    int(was_shown),
                ),
            )
        return KeptMessage(id, message, by, was_shown)

    def drop(self, key: str) -> None:
        """Delete the message with that key, if it waits. Raise `RecordsFailed`."""
        if (kept := self.find(key)) is not None:
            self._change_quietly("DELETE FROM letters", [kept], _CANNOT_DELETE)
