"""Servers in one process that are one by a broker, as a test wants them."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tests.support.redisserver import RedisServer
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer, Event, LinkAddress, Linked, RoomMessage, Unlinked, parse_link
from threadchat.link.linkedchat import LIMITS, LinkedChat


class LinkWatcher:
    """Keeps what the operator is told of the link."""

    def __init__(self) -> None:
        self.events: list[Linked | Unlinked] = []

    def note(self, event: Event) -> None:
        if isinstance(event, Linked | Unlinked):
            self.events.append(event)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        pass


class LinkedServer:
    """A running server that is linked, or is to be."""

    def __init__(self, server: ChatServer, console: WatchingConsole, watcher: LinkWatcher) -> None:
        self.server = server
        self.console = console
        self.told = watcher.events
        """What the operator was told of the link."""

    @property
    def linked(self) -> LinkedChat:
        linked = self.server._linking._linked
        assert linked is not None
        return linked

    def wait_for_servers(self, number: int) -> None:
        """Wait until it is linked with so many others."""
        wait_until(lambda: self.others == number, f"it is linked with {number} others")

    @property
    def others(self) -> int:
        """With how many others it is linked; -1 if there is no link."""
        last = self.told[-1] if self.told else None
        return len(last.servers) if isinstance(last, Linked) else -1

    def go_apart(self) -> None:
        """Have it go on by itself, as it does once people have waited too long for the broker.

        A time limit so short that a test can wait for it would be over by chance, too.
        """
        core = self.linked._core
        core._limits = replace(LIMITS, patience=0.0)
        wait_until(lambda: self.is_apart, "it is apart")
        core._limits = LIMITS

    @property
    def is_apart(self) -> bool:
        return bool(self.told) and isinstance(self.told[-1], Unlinked)


def link_to(broker: RedisServer, cluster: str = "office") -> LinkAddress:
    """Return where a link by `broker` goes."""
    return parse_link(f"{broker.url}#{cluster}")


def _has_others(server: LinkedServer, number: int) -> bool:
    return server.others >= number


@contextlib.contextmanager
def linked_server(link: LinkAddress, **options: Any) -> Iterator[LinkedServer]:
    """Run a server with that link; for `options` see `run_server`. It may not be linked yet."""
    watcher = LinkWatcher()
    with run_server(watchers=[watcher], link=link, **options) as (server, console):
        yield LinkedServer(server, console, watcher)


@contextlib.contextmanager
def linked_servers(
    broker: RedisServer, number: int = 2, cluster: str = "office", **options: Any
) -> Iterator[list[LinkedServer]]:
    """Run so many servers that are linked with one another.

    A `cluster` of its own keeps a test apart from others that use the same broker.
    """
    with contextlib.ExitStack() as opened:
        link = link_to(broker, cluster)
        servers = [opened.enter_context(linked_server(link, **options)) for _ in range(number)]
        for server in servers:
            wait_until(partial(_has_others, server, number - 1), "all are linked")
        yield servers
