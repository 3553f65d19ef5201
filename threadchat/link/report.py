"""Tell the operator how the link is doing: with which servers, and why there is none."""

from threadchat.link.deliveries import CameTogether, LinkChanged, WentApart
from threadchat.link.nodes import servers_of
from threadchat.monitoring.events import Linked, Unlinked, Watch

MAX_CAUSES = 10
"""How many causes are told of one time without a link."""


class LinkReport:
    """Tells `watch` of the link that has the name `cluster`. Only one thread at a time uses it.

    A link that breaks for a moment is not told.
    """

    def __init__(self, cluster: str, watch: Watch) -> None:
        self._cluster = cluster
        self._watch = watch
        self._now = LinkChanged(False, frozenset(), "")
        self._told: frozenset[str] | None = None  # the nodes; None: there is no link
        self._is_apart = False
        self._causes: set[str] = set()  # of this time without a link

    def take(self, delivery: WentApart | CameTogether | LinkChanged) -> None:
        """Take note of what becomes of the link."""
        match delivery:
            case WentApart():
                self._is_apart, self._told = True, None
                self._causes.clear()
                self._tell_cause()
            case CameTogether():
                self._is_apart = False
            case LinkChanged():
                self._now = delivery
                self._tell_cause()
        self._tell_servers()

    def _tell_cause(self) -> None:
        why = self._now.failure
        if self._is_apart and why and why not in self._causes and len(self._causes) < MAX_CAUSES:
            self._causes.add(why)
            self._watch.note(Unlinked(self._cluster, why))

    def _tell_servers(self) -> None:
        if self._now.is_linked and not self._is_apart and self._now.nodes != self._told:
            self._told = self._now.nodes
            self._watch.note(Linked(self._cluster, servers_of(self._now.nodes)))
