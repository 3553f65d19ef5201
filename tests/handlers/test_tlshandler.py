"""One client at the TLS port, from the handshake on."""

import ssl
from collections.abc import Iterator

import pytest

from tests.net.test_tls import Files
from tests.server.test_tls_server import Place, serving
from tests.support.clients import Client
from threadchat.net.disconnect import Reason


@pytest.fixture
def place(files: Files, context: ssl.SSLContext) -> Iterator[Place]:
    with serving(files, context) as place:
        yield place


def test_a_client_that_speaks_tls_is_served(place: Place) -> None:
    with place.enter("al") as al:
        al.sync()
        al.type("/quit")
        al.expect("=== Goodbye.\r\n")
    assert place.console.next_disconnect().why == Reason.QUIT


def test_a_client_that_does_not_is_told_so_in_a_line(place: Place) -> None:
    with Client(place.port) as al:
        al.type("al")
        line = (
            "!!! This port speaks TLS, as openssl s_client and ncat --ssl do. Try the other port."
        )
        assert al.expect_end() == f"{line}\r\n"
    disconnect = place.console.next_disconnect()
    assert disconnect.why.startswith(f"{Reason.NO_TLS}: ")
    assert disconnect.name == ""


def test_a_client_that_does_not_trust_us_is_told_nothing(place: Place) -> None:
    suspicious = ssl.create_default_context()
    with Client(place.port) as al:
        with pytest.raises(ssl.SSLCertVerificationError):
            suspicious.wrap_socket(al.socket, server_hostname="localhost").close()
        assert place.console.next_disconnect().why.startswith(f"{Reason.NO_TLS}: ")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_is_gone_before_the_handshake(place: Place, how: str) -> None:
    with Client(place.port) as al:
        if how == "reset":
            al.reset()
    why = place.console.next_disconnect().why
    assert why == (Reason.RESET if how == "reset" else "no TLS: closed before TLS was agreed on")
    assert place.console.troubles == []
