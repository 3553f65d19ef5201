"""Test which options a client is asked for, and what it is answered."""

import pytest

from tests.terminal.support import PUTTY, Session, all_ways_to_cut
from threadchat.terminal.clienttelnet import ClientTelnet
from threadchat.terminal.modes import Mode
from threadchat.terminal.telnetprotocol import IAC, Command, Option


class TestOptions:
    def test_vector_4_putty_is_recognised_and_answered_once(self) -> None:
        for chunks in all_ways_to_cut(PUTTY + b"hi\r\0"):
            session = Session(chunks)
            assert sorted(session.negotiation) == sorted(
                "fffd1f fffe20 fffd18 fffe27 fffb01 fffd03 fffb03".split()
            )
            assert session.terminal.mode is Mode.CHARACTER
            assert session.events == ["hi"]

    def test_vector_5_an_inetutils_telnet_on_port_23(self) -> None:
        asked = "fffd26 fffb26 fffd03 fffb18 fffb1f fffb20 fffb21 fffb22 fffb27 fffd05"
        for chunks in all_ways_to_cut(bytes.fromhex(asked)):
            session = Session(chunks)
            assert sorted(session.negotiation) == sorted(
                "fffc26 fffe26 fffb03 fffb01 fffd18 fffd1f"
                " fffe20 fffe21 fffe22 fffe27 fffc05".split()
            )
            session.type(b"\xff\xfd\x01")
            assert session.terminal.mode is Mode.CHARACTER

    @pytest.mark.parametrize("data", [b"\xff\xfe\x01", b"\xff\xfc\x1f"])
    def test_vector_8_there_is_nothing_to_say_to_a_refusal(self, data: bytes) -> None:
        assert Session([data] * 5).replies == b""

    @pytest.mark.parametrize("data", [b"hi\r\n", b"\xff", b"\xff\xff", b"\xe9\n", b"\x1b[A\x00"])
    def test_who_speaks_no_telnet_is_sent_none(self, data: bytes) -> None:
        assert Session([data]).replies == b""


class TestRequests:
    def test_echo_comes_with_sga_and_goes_with_it(self) -> None:
        telnet = ClientTelnet()
        telnet.ask_for_echo()
        assert telnet.data_to_send() == b"\xff\xfb\x01\xff\xfb\x03"
        telnet.receive_data(b"\xff\xfd\x01\xff\xfd\x03")
        telnet.end_echo()
        assert telnet.data_to_send() == b"\xff\xfc\x01\xff\xfc\x03"

    def test_the_terminal_type_is_asked_for_once_the_client_agreed(self) -> None:
        telnet = ClientTelnet()
        telnet.ask_for_type()
        assert telnet.data_to_send() == b""
        telnet.receive_data(bytes((IAC, Command.WILL, Option.TTYPE)))
        telnet.data_to_send()
        telnet.ask_for_type()
        telnet.ask_for_type()
        assert telnet.data_to_send() == b"\xff\xfa\x18\x01\xff\xf0"


class TestStorms:
    def test_a_client_that_answers_every_refusal_is_answered_a_hundred_times_at_most(self) -> None:
        session = Session()
        for _ in range(50):
            for option in range(256):
                session.type(bytes((IAC, Command.WILL, option, IAC, Command.DO, option)))
        assert 90 <= len(session.negotiation) <= 100

    def test_one_that_changes_its_mind_for_ever_is_heard_a_hundred_times(self) -> None:
        session = Session()
        for _ in range(500):
            session.type(b"\xff\xfd\x01\xff\xfd\x03\xff\xfe\x01\xff\xfe\x03")
        assert len(session.negotiation) < 200
