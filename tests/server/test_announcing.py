"""A chat server is announced while it runs, if it is told to be, and what follows from that."""

from collections.abc import Callable

import pytest

from tests.support.servers import WatchingConsole
from threadchat import ChatServer, ServerConfig
from threadchat.cli.main import main
from threadchat.lan import announcement
from threadchat.lan.names import HTTP, TELNET, Announced, Service
from threadchat.web.http import Request


class FakeAnnouncement:
    """Stands in for the announcement; `made` has all that were made."""

    made: "list[FakeAnnouncement]"

    def __init__(
        self,
        look: object,
        services: list[Service],
        tell: Callable[[Announced], None],
        warn: Callable[[str], None],
    ) -> None:
        self.services, self.tell = services, tell
        self.calls: list[str] = []
        self.made.append(self)

    def start(self) -> None:
        self.calls.append("start")

    def end(self) -> None:
        self.calls.append("end")

    def join(self, deadline: float) -> None:
        self.calls.append("join")


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeAnnouncement]:
    FakeAnnouncement.made = []
    monkeypatch.setattr(announcement, "LanAnnouncement", FakeAnnouncement)
    return FakeAnnouncement.made


def test_a_server_in_a_program_is_announced_only_if_told_to(made: list[FakeAnnouncement]) -> None:
    with ChatServer(("0.0.0.0", 0)) as server:
        server.start()
    assert made == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9"])
def test_one_on_loopback_never_is(made: list[FakeAnnouncement], host: str) -> None:
    try:
        server = ChatServer((host, 0), ServerConfig(announce=True))
    except OSError:
        pytest.skip(f"{host} is no address of this system")
    with server:
        server.start()
    assert made == []


def test_it_is_announced_from_the_start_to_the_stop(made: list[FakeAnnouncement]) -> None:
    with ChatServer(("0.0.0.0", 0), ServerConfig(announce=True)) as server:
        assert made == []
        server.start()
        (one,) = made
        assert one.calls == ["start"]
        port = server.server_address[1]
    assert one.calls == ["start", "end", "join"]
    assert [(it.type, it.port) for it in one.services] == [(TELNET, port)]


def test_the_operator_reads_the_names_and_browsers_may_use_them(
    made: list[FakeAnnouncement],
) -> None:
    console = WatchingConsole()
    config = ServerConfig(announce=True, web_address=("127.0.0.1", 0))
    with ChatServer(("0.0.0.0", 0), config, watchers=[console]) as server:
        server.start()
        (one,) = made
        assert server.web_listener is not None
        port = server.web_listener.server_address[1]
        assert [(it.type, it.port) for it in one.services][1:] == [(HTTP, port)]
        guard = server.web_listener.door.guard
        named = Request("GET", "/", "", [("host", f"threadchat.local:{port}")])
        assert not guard.is_own_host(named, "192.168.1.7")
        one.tell(Announced("threadchat on Box", ("Threadchat.local",), ("Threadchat.local",)))
        assert guard.is_own_host(named, "192.168.1.7")
    console.close()
    line, way_in = console.file.getvalue().splitlines()
    assert line.endswith("announced           threadchat on Box, by name:")
    assert way_in == f"    http://Threadchat.local:{port}/"


def test_without_a_page_people_come_by_telnet(made: list[FakeAnnouncement]) -> None:
    console = WatchingConsole()
    with ChatServer(("0.0.0.0", 0), ServerConfig(announce=True), watchers=[console]) as server:
        server.start()
        made[0].tell(Announced("threadchat on box", ("box.local",), ("box.local",)))
        port = server.server_address[1]
    console.close()
    assert f"    telnet box.local {port}" in console.file.getvalue().splitlines()


def test_a_server_that_was_never_started_is_not_announced(made: list[FakeAnnouncement]) -> None:
    with ChatServer(("0.0.0.0", 0), ServerConfig(announce=True)):
        pass
    assert made == []


def test_the_option_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--no-announce" in capsys.readouterr().out
