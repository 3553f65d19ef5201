"""Servers that tell each other things at once, without a log and a broker."""

from collections.abc import Callable

from threadchat.link.deliveries import Noticed
from threadchat.link.notices import Notices
from threadchat.link.ownentries import Item


class NoticeBus:
    """Lets all that join hear what each of them tells, in one order."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.is_cut = False
        """Whether nobody hears anything."""
        self._nodes: list[tuple[str, Notices]] = []
        self._waiting: list[Noticed] = []
        self._is_under_way = False

    def join(self, node: str) -> Notices:
        """Return what another server tells and hears."""
        notices = Notices(self._submitter_of(node), self.fail)
        self._nodes.append((node, notices))
        return notices

    def fail(self, doing: str, error: BaseException) -> None:
        """Take note that something went wrong."""
        self.failures.append(f"{doing}: {error!r}")

    def _submitter_of(self, node: str) -> Callable[[Item], None]:
        def submit(item: Item) -> None:
            assert item.notice is not None
            self._waiting.append(Noticed(node, item.notice, False))
            if not self._is_under_way:
                self.hand_on()

        return submit

    def hand_on(self) -> None:
        """Let everybody hear what waits."""
        self._is_under_way = True
        while self._waiting and not self.is_cut:
            told = self._waiting.pop(0)
            for node, notices in self._nodes:
                notices.take(Noticed(told.node, told.notice, node == told.node))
        self._is_under_way = False
