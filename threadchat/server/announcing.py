"""Announce a chat server on the LAN, and tell the operator of it."""

from typing import TYPE_CHECKING, Any, Protocol

from threadchat import __version__
from threadchat.lan.names import Announced, services
from threadchat.lan.network import lan_side
from threadchat.monitoring.events import AnnouncedOnLan, Watch
from threadchat.net.addresses import is_for_this_machine_only
from threadchat.server.config import ServerConfig
from threadchat.server.listener import Listener

if TYPE_CHECKING:
    from threadchat.lan.announcement import LanAnnouncement
    from threadchat.server.weblistener import WebListener


class Announceable(Protocol):
    """What is needed of the chat server."""

    config: ServerConfig
    server_address: Any
    tls_listener: Listener | None
    web_listener: "WebListener | None"
    watch: Watch


class Announcing:
    """Announces `server` on the LAN while it runs, if its configuration says so.

    The names that lead to it become right for browsers. A server on loopback is never announced.
    """

    def __init__(self, server: Announceable) -> None:
        self._server = server
        self._announcement: LanAnnouncement | None = None

    def start(self) -> None:
        """Begin, and return at once. All ports of the server have to be open."""
        server = self._server
        address = server.server_address
        if not server.config.announce or is_for_this_machine_only(address):
            return
        from threadchat.lan.announcement import LanAnnouncement  # takes a while

        admits = server.config.limits.allowed.admits_near
        web, tls = server.web_listener, server.tls_listener
        offered = services(
            address[1],
            web.server_address[1] if web else None,
            tls.server_address[1] if tls else None,
            __version__,
        )
        self._announcement = LanAnnouncement(
            lambda: lan_side(address, admits), offered, self._tell, server.watch.warn
        )
        self._announcement.start()

    def end(self) -> None:
        """Say goodbye to the LAN, and return at once."""
        if self._announcement is not None:
            self._announcement.end()

    def join(self, deadline: float) -> None:
        """Wait for that, until `deadline` on the monotonic clock."""
        if self._announcement is not None:
            self._announcement.join(deadline)

    def _tell(self, announced: Announced) -> None:
        """Tell of what has been announced; called on the thread of the announcement."""
        web = self._server.web_listener
        if web is not None:
            web.door.guard.found_names = frozenset(it.lower() for it in announced.all_hosts)
            ways_in = [f"http://{host}:{web.server_address[1]}/" for host in announced.hosts]
        else:
            port = self._server.server_address[1]
            ways_in = [f"telnet {host} {port}" for host in announced.hosts]
        self._server.watch.note(AnnouncedOnLan(announced.name, ways_in))
