"""A client that sends too fast is slowed down, and nothing it said is lost."""

import threading
from dataclasses import replace

from tests.support.clients import Client
from tests.support.servers import run_server
from threadchat.testing import DEADLINE, UNLIMITED


class TestFlood:
    def test_what_comes_too_fast_is_all_served_but_slowly(self) -> None:
        limits = replace(UNLIMITED, flood=(3.0, 50.0))
        lines = [f"line {number}" for number in range(12)]
        with (
            run_server(limits=limits) as (server, _),
            Client(server, "bo") as bo,
            Client(server, "al") as al,
        ):
            al.type("\n".join(lines))
            al.expect("=== That was fast: what you send is served line by line")
            heard = bo.expect(f"al: {lines[-1]}\r\n")
            assert [f"al: {line}" for line in lines] == heard.splitlines()[-12:]
            al.type("/quit")
            assert "That was fast" not in al.expect_end()

    def test_a_paste_into_a_connection_that_then_closes_is_not_lost(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 50.0))
        with run_server(limits=limits) as (server, _), Client(server, "bo") as bo:
            al = Client(server)
            al.send(b"al\n" + b"".join(b"line %d\n" % number for number in range(10)))
            al.expect("Welcome")
            al.socket.shutdown(1)
            bo.expect("al: line 9\r\n")
            al.close()

    def test_a_stop_does_not_wait_for_them(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            stopper.join(DEADLINE)
            assert not stopper.is_alive()
            assert console.next_disconnect().why == "server stopping"

    def test_nor_does_a_connection_that_breaks(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            al.reset()
            assert console.next_disconnect().name == "al"
