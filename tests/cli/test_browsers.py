"""Which port browsers are served at, and what the operator is told of it."""

import errno
import re
import socket
import ssl
import sys
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support.servers import WatchingConsole
from threadchat import ChatServer, ServerConfig
from threadchat.cli import browsers
from threadchat.cli import main as main_module
from threadchat.cli.arguments import Fault
from threadchat.cli.browsers import (
    add_qr_command,
    hook_addresses,
    tell_way_for_browsers,
    web_ports,
)
from threadchat.cli.main import main
from threadchat.cli.options import Options
from threadchat.console.operator import Operator
from threadchat.errors import PersonError
from threadchat.monitoring.events import Watch
from threadchat.net import addresses
from threadchat.server import weblistener
from threadchat.web import watching

MISSING = "what that needs is not installed: pip install 'threadchat[web]'"


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "why_unusable", lambda module, extra: MISSING)


class TestThePort:
    def test_the_first_that_is_free_is_taken_if_nobody_asked(self) -> None:
        assert list(web_ports("")) == list(range(8080, 8091))

    def test_one_that_was_asked_for_is_the_only_one(self) -> None:
        assert list(web_ports("8123")) == [8123]
        assert list(web_ports("off")) == []

    def test_without_the_extra_there_is_none(self, no_extra: None) -> None:
        assert list(web_ports("")) == []
        with pytest.raises(Fault, match=r"--web-port 8123: .*pip install"):
            web_ports("8123")

    def test_a_taken_one_that_was_asked_for_is_one_line(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            options = ["--host", "127.0.0.1", "--port", "0", "--web-port", str(port)]
            assert main(options) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"port {port} is in use" in error
        assert "--web-port 0" in error

    def test_the_next_is_taken_where_one_is_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            config = ServerConfig(web_address=("127.0.0.1", port), web_ports=(0,))
            with ChatServer(("127.0.0.1", 0), config) as server:
                assert server.web_listener is not None
                assert server.web_listener.server_address[1] not in (0, port)

    def test_the_next_is_taken_where_another_server_keeps_one_to_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Kept(weblistener.WebListener):
            """On Windows a port can be kept by a server, which others are told in this way."""

            def server_bind(self) -> None:
                if self.server_address[1]:
                    raise PermissionError(errno.EACCES, "kept")
                super().server_bind()

        monkeypatch.setattr(weblistener, "WebListener", Kept)
        config = ServerConfig(web_address=("127.0.0.1", 8080), web_ports=(8081, 0))
        with ChatServer(("127.0.0.1", 0), config) as server:
            assert isinstance(server.web_listener, Kept)

    def test_all_that_were_tried_are_in_the_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            monkeypatch.setattr(main_module, "web_ports", lambda option: [port, port, port])
            assert main(["--host", "127.0.0.1", "--port", "0"]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"ports {port} to {port} are in use" in error

    @pytest.mark.parametrize("wrong", ["eighty", "-1", "65536", "8080.5"])
    def test_what_is_no_port_is_one_line(
        self, capsys: pytest.CaptureFixture[str], wrong: str
    ) -> None:
        with pytest.raises(SystemExit) as exited:
            main([f"--web-port={wrong}"])
        assert exited.value.code == 2
        assert wrong in capsys.readouterr().err

    @pytest.mark.parametrize("wrong", ["", "a b", "http://desk", "desk/", "-desk"])
    def test_what_is_no_name_of_a_machine_is_one_line(
        self, capsys: pytest.CaptureFixture[str], wrong: str
    ) -> None:
        with pytest.raises(SystemExit) as exited:
            main([f"--web-host={wrong}"])
        assert exited.value.code == 2
        assert "name of a machine" in capsys.readouterr().err


def told(options: Options, config: ServerConfig) -> str:
    console = WatchingConsole()
    with ChatServer(("127.0.0.1", 0), config) as server:
        tell_way_for_browsers(options, server, console, Watch(console))
    console.close()
    return console.file.getvalue()


class TestWhatTheOperatorIsTold:
    def test_it_is_the_address_to_open(self) -> None:
        text = told(Options(), ServerConfig(web_address=("127.0.0.1", 0)))
        assert re.search(r"server bound +127\.0\.0\.1:(\d+) \(browsers\)", text)
        assert re.search(r"http://127\.0\.0\.1:\d+/", text)

    def test_it_is_its_code_too_unless_nobody_wants_that(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(browsers, "code_of", lambda server, console: "BLOCKS OF A CODE")
        config = ServerConfig(web_address=("127.0.0.1", 0))
        assert "BLOCKS OF A CODE" in told(Options(), config)
        assert "BLOCKS OF A CODE" not in told(Options(no_qr=True), config)

    def test_it_is_nothing_where_the_door_is_shut(self) -> None:
        assert told(Options(web_port="off"), ServerConfig()) == ""

    def test_one_that_shut_the_door_is_not_told_of_the_extra(self, no_extra: None) -> None:
        assert told(Options(web_port="off"), ServerConfig()) == ""

    def test_it_is_how_to_get_the_extra_where_that_is_missing(self, no_extra: None) -> None:
        assert "pip install 'threadchat[web]'" in told(Options(), ServerConfig())

    def test_it_is_why_nobody_can_have_the_figures_that_all_should_have(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = ServerConfig(web_address=("127.0.0.1", 0), metrics="lan")
        assert "--metrics" not in told(Options(metrics="lan"), config)
        shut = told(Options(metrics="lan", web_port="off"), ServerConfig())
        assert "--metrics lan serves nothing: there is no port for browsers" in shut
        monkeypatch.setattr(watching, "why_no_figures", lambda: "pip install 'threadchat[metrics]'")
        assert "pip install 'threadchat[metrics]'" in told(Options(metrics="lan"), config)
        # Nobody asked for it here.
        assert "metrics" not in told(Options(), ServerConfig(web_address=("127.0.0.1", 0)))

    def test_qr_says_why_it_shows_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console = WatchingConsole()
        shown: list[object] = []
        with ChatServer(("127.0.0.1", 0)) as server:
            operator = Operator(server.chat, server.commands, shown.append)
            add_qr_command(operator, server, console)
            operator.obey("qr")
        assert "Browsers are not served" in str(shown[0])
        config = ServerConfig(web_address=("127.0.0.1", 0))
        with ChatServer(("127.0.0.1", 0), config) as server:
            operator = Operator(server.chat, server.commands, shown.append)
            add_qr_command(operator, server, console)
            operator.obey("qr")
            monkeypatch.setitem(sys.modules, "segno", None)
            operator.obey("qr")
        assert "cannot show it" in str(shown[1])
        assert "pip install 'threadchat[web]'" in str(shown[2])
        console.close()


class TestWhereHooksArePostedTo:
    def addresses(self, host: str = "", **configured: Any) -> list[str]:
        config = ServerConfig(web_address=(host, 0), **configured)
        with ChatServer(("127.0.0.1", 0), config) as server:
            assert server.web_listener is not None
            port = f":{server.web_listener.server_address[1]}/"
            return [it.replace(port, ":PORT/") for it in hook_addresses(server, "TOKEN")]

    def test_it_is_at_each_address_of_the_machine_and_on_the_machine_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lan = [ip_address("192.168.1.7"), ip_address("fd00::7")]
        monkeypatch.setattr(addresses, "lan_addresses", lambda: lan)
        found = self.addresses()
        assert "http://192.168.1.7:PORT/hook/TOKEN" in found
        assert found[-1] == "http://localhost:PORT/hook/TOKEN"
        monkeypatch.setattr(addresses, "lan_addresses", list)
        assert self.addresses() == ["http://localhost:PORT/hook/TOKEN"]

    def test_names_that_the_operator_gave_are_ways_too(self) -> None:
        assert self.addresses("127.0.0.1", web_hosts=["chat.example.org"]) == [
            "http://127.0.0.1:PORT/hook/TOKEN",
            "http://chat.example.org:PORT/hook/TOKEN",
        ]

    def test_with_a_certificate_https_is_one_as_well(self, context: ssl.SSLContext) -> None:
        assert self.addresses("127.0.0.1", tls=context, tls_address=("127.0.0.1", 0)) == [
            "http://127.0.0.1:PORT/hook/TOKEN",
            "https://127.0.0.1:PORT/hook/TOKEN",
        ]

    def test_without_the_port_it_is_told_how_to_have_it(self) -> None:
        with (
            ChatServer(("127.0.0.1", 0)) as server,
            pytest.raises(PersonError, match=r"without --web-port off\.$"),
        ):
            hook_addresses(server, "")

    def test_without_the_extra_it_is_told_how_to_get_it(self, no_extra: None) -> None:
        with (
            ChatServer(("127.0.0.1", 0)) as server,
            pytest.raises(PersonError, match=r"pip install 'threadchat\[web\]'"),
        ):
            hook_addresses(server, "")
