"""Tell all servers something that is no batch of a room: a kick, a ban, a topic.

A notice goes through the log as batches do: all servers hear it once, in the log's order, and the
batches before it have gone to their rooms by then. Its own server hears it, too. Without a link the
own server hears it at once, and the others when there is a link again.

A kind that nobody here listens to is ignored, as a newer server may tell more.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from threadchat.link.deliveries import Noticed
from threadchat.link.ownentries import Item
from threadchat.link.records import notice_of, notice_text

Data = Mapping[str, Any]
"""What a notice tells: values that JSON can hold."""

Listener = Callable[[Data, str, bool], None]
"""Called with what is told, the node that tells it, and whether that is this one.

It is called on the thread that takes what the log has, one call at a time. So it must wait for
nothing that comes by the log: not for a room, and not for an answer. What it raises is reported,
such as the `KeyError` where something is missing: other programs may write into the log.
"""


class Notices:
    """The notices of one server. Safe on any thread; all listeners are there before the first.

    `submit` takes what is to be put in order, as `Link.submit` does. `failed` is called with what
    was being done, and what a listener raised.
    """

    def __init__(
        self,
        submit: Callable[[Item], None],
        failed: Callable[[str, BaseException], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._submit = submit
        self._failed = failed
        self._now = now
        self._listeners: dict[str, list[Listener]] = {}

    def on(self, kind: str, listener: Listener) -> None:
        """Have `listener` called with all notices of a kind."""
        self._listeners.setdefault(kind, []).append(listener)

    def tell(self, kind: str, data: Data) -> None:
        """Tell all servers something. This does not wait."""
        text = notice_text(kind, data)
        self._submit(Item(text=text, at=self._now(), notice=notice_of(text)))

    def take(self, delivery: Noticed) -> None:
        """Let those hear a notice that listen to its kind."""
        notice = delivery.notice
        for listener in self._listeners.get(notice.kind, ()):
            try:
                listener(notice.data, delivery.node, delivery.is_own)
            except Exception as error:
                self._failed(f"taking a notice of another server ({notice.kind:.20})", error)
