"""What is heard on the LAN is kept apart by its senders, and bounded for each of them."""

import pytest

pytest.importorskip("zeroconf")

from zeroconf._dns import DNSAddress, DNSPointer, DNSQuestion, DNSRecord, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing

from threadchat.lan.hearing import (
    MOST_ADDRESSES_HEARD,
    MOST_ANSWERS,
    MOST_NAMES,
    MOST_PACKETS,
    MOST_QUESTIONS,
    MOST_SOURCES,
    Answer,
    Heard,
)
from threadchat.lan.names import HTTP, TELNET

NAME = "threadchat on box"
HERE, THERE = "192.168.1.7", "192.168.1.8"
TEXT = b"\x11server=threadchat\x0bversion=1.2"
TOLD = {"server": "threadchat", "version": "1.2"}


def pointer(name: str = NAME, ttl: int = 4500) -> DNSPointer:
    return DNSPointer(TELNET, 12, 1, ttl, f"{name}.{TELNET}")


def service(name: str = NAME, port: int = 8000, host: str = "box", ttl: int = 120) -> DNSService:
    return DNSService(f"{name}.{TELNET}", 33, 0x8001, ttl, 0, 0, port, f"{host}.local.")


def text(name: str = NAME, told: bytes = TEXT) -> DNSText:
    return DNSText(f"{name}.{TELNET}", 16, 0x8001, 4500, told)


def address(last: int = 7, host: str = "box", ttl: int = 120) -> DNSAddress:
    return DNSAddress(f"{host}.local.", 1, 0x8001, ttl, bytes([192, 168, 1, last]))


def packet(*records: DNSRecord, flags: int = 0x8400) -> bytes:
    out = DNSOutgoing(flags)
    for record in records:
        out.add_answer_at_time(record, 0)
    (made,) = out.packets()
    return made


ALL = packet(pointer(), service(), text(), address())


def heard_of(*packets: bytes, source: str = HERE, port: int = 5353) -> Heard:
    heard = Heard()
    for it in packets:
        heard.hear(it, source, port)
    return heard


class TestAnswers:
    def test_one_packet_tells_all(self) -> None:
        assert heard_of(ALL).answers() == [Answer(TELNET, NAME, (HERE,), 8000, TOLD, HERE)]

    def test_or_many_in_any_order(self) -> None:
        parts = [packet(it) for it in (text(), address(), service(), pointer())]
        for packets in (parts, parts[::-1]):
            assert heard_of(*packets).answers() == heard_of(ALL).answers()

    def test_names_go_by_their_letters_alone(self) -> None:
        web = DNSService(f"{NAME.upper()}.{HTTP}", 33, 1, 120, 0, 0, 8080, "box.local.")
        assert heard_of(packet(web, text(), address())).answers() == []
        heard = heard_of(packet(service(host="BOX"), address(), text()))
        assert [it.addresses for it in heard.answers()] == [(HERE,)]

    def test_a_name_is_shown_as_it_was_told_first(self) -> None:
        name = "threadchat on Box"
        heard = heard_of(packet(pointer(name), service(name.lower()), text(name), address()))
        assert [it.name for it in heard.answers()] == [name]

    def test_one_may_have_addresses_of_both_kinds(self) -> None:
        new = DNSAddress("box.local.", 28, 0x8001, 120, bytes([0xFD, *[0] * 14, 7]))
        assert heard_of(ALL, packet(new)).answers()[0].addresses == (HERE, "fd00::7")

    def test_what_comes_again_is_no_newer(self) -> None:
        other = "threadchat on box (2)"
        first = packet(service(), text(), address())
        heard = heard_of(first, packet(service(other), text(other)), first)
        assert [it.name for it in heard.answers()] == [NAME, other]

    def test_a_goodbye_is_the_end_of_it(self) -> None:
        assert heard_of(ALL, packet(pointer(ttl=0))).answers() == []
        assert heard_of(ALL, packet(service(ttl=0))).answers() == []
        (left,) = heard_of(ALL, packet(address(8)), packet(address(7, ttl=0))).answers()
        assert left.addresses == (THERE,)

    def test_nobody_says_goodbye_for_another_machine(self) -> None:
        heard = heard_of(ALL)
        heard.hear(packet(pointer(ttl=0), service(ttl=0), address(ttl=0)), THERE, 5353)
        assert [it.source for it in heard.answers()] == [HERE]

    def test_nobody_changes_what_another_machine_has_said(self) -> None:
        heard = heard_of(ALL)
        heard.hear(packet(service(port=23), text(told=b""), address(66)), THERE, 5353)
        assert Answer(TELNET, NAME, (HERE,), 8000, TOLD, HERE) in heard.answers()

    def test_the_newest_comes_last(self) -> None:
        other = "threadchat on box (2)"
        heard = heard_of(ALL, packet(service(other), text(other)), packet(service(port=8001)))
        assert [it.name for it in heard.answers()] == [other, NAME]

    @pytest.mark.parametrize(
        ("told", "meant"),
        [
            (b"", {}),
            (b"\x00\x02=b", {}),
            (b"\x04path", {"path": None}),
            (b"\x05Tls=1\x05tls=2", {"tls": "1"}),
            (b"\x03a=b=", {"a": "b"}),
            (b"\xffa=b", {"a": "b"}),
            (b"\x03a=\xff", {"a": "\ufffd"}),
        ],
    )
    def test_what_a_record_tells(self, told: bytes, meant: dict[str, str | None]) -> None:
        (answer,) = heard_of(packet(service(), text(told=told), address())).answers()
        assert answer.told == meant


class TestStrangePackets:
    @pytest.mark.parametrize(
        "data",
        [
            b"", b"\0\0\x84", b"\0\0\x84\0\xff\xff\xff\xff", b"\xff" * 9000, b"\0" * 9000,
            b"\0\0\x84\0\0\0\0\1\0\0\0\0\xc0\x0c\0\x0c\0\1\0\0\0\x78\0\2\xc0\x0c",
        ],
    )  # fmt: skip
    def test_they_are_nothing(self, data: bytes) -> None:
        assert heard_of(data, ALL).answers() == heard_of(ALL).answers()

    def test_any_beginning_of_a_packet_is_harmless(self) -> None:
        for length in range(len(ALL)):
            heard_of(ALL[:length])

    def test_questions_and_other_ports_are_no_answers(self) -> None:
        assert heard_of(ALL, port=5354).answers() == []
        assert heard_of(packet(service(), text(), flags=0)).answers() == []
        asks = DNSOutgoing(0)
        asks.add_question(DNSQuestion(TELNET, 12, 1))
        assert heard_of(*asks.packets()).answers() == []

    def test_services_of_other_programs_are_left_out(self) -> None:
        heard = heard_of(packet(pointer("printer"), service("printer"), text("printer")))
        assert (heard.answers(), heard.lacking()) == ([], [])

    def test_an_address_of_another_length_is_none(self) -> None:
        odd = DNSAddress("box.local.", 1, 1, 120, b"12345")
        assert [it.addresses for it in heard_of(ALL, packet(odd)).answers()] == [(HERE,)]


class TestBounds:
    def test_a_packet_that_comes_again_is_not_counted(self) -> None:
        heard = heard_of(*[packet(address())] * (2 * MOST_PACKETS), ALL)
        assert len(heard.answers()) == 1

    def test_one_machine_is_heard_so_often(self) -> None:
        many = (packet(service(port=it)) for it in range(1, MOST_PACKETS + 1))
        heard = heard_of(*many, packet(text(), address()))
        assert heard.answers() == []
        assert (heard.is_flooded, heard_of(ALL).is_flooded) == (True, False)
        heard.hear(ALL, THERE, 5353)
        assert [it.source for it in heard.answers()] == [THERE]

    def test_one_machine_has_so_many_services(self) -> None:
        many = [f"threadchat on {it}" for it in range(MOST_NAMES + 1)]
        heard = heard_of(*(packet(service(it), text(it), address()) for it in many))
        assert [it.name for it in heard.answers()] == many[:-1]

    def test_one_machine_has_so_many_hosts_and_addresses(self) -> None:
        heard = heard_of(ALL, *(packet(address(it)) for it in range(200)))
        assert [len(it.addresses) for it in heard.answers()] == [MOST_ADDRESSES_HEARD]
        hosts = (packet(address(host=f"h{it}")) for it in range(MOST_NAMES))
        late = "threadchat on late"
        heard = heard_of(ALL, *hosts, packet(service(late, host="late"), text(late)))
        heard.hear(packet(address(host="late")), HERE, 5353)
        assert [it.addresses for it in heard.answers()] == [(HERE,), ()]

    def test_so_many_machines_are_heard(self) -> None:
        heard = Heard()
        for it in range(MOST_SOURCES + 1):
            heard.hear(ALL, f"10.0.{it >> 8}.{it & 255}", 5353)
        assert len({it.source for it in heard.answers()}) == MOST_SOURCES

    def test_so_much_is_told_in_turns(self) -> None:
        many = [f"threadchat on {it}" for it in range(30)]
        packets = [packet(service(it), text(it), address()) for it in many]
        heard = Heard()
        for source in range(100):
            for it in packets:
                heard.hear(it, f"10.0.0.{source}", 5353)
        answers = heard.answers()
        assert len(answers) == MOST_ANSWERS
        assert {it.source for it in answers[:100]} == {f"10.0.0.{it}" for it in range(100)}
        assert {it.name for it in answers[:100]} == {many[0]}

    def test_one_machine_more_is_one_too_many(self) -> None:
        heard = Heard()
        for it in range(MOST_SOURCES + 2):
            heard.hear(ALL, f"10.0.{it // 256}.{it % 256}", 5353)
        assert len(heard._sources) == MOST_SOURCES

    def test_a_host_that_is_known_has_more_addresses_though_there_are_many(self) -> None:
        many = [packet(address(host=f"h{it}")) for it in range(MOST_NAMES)]
        heard = heard_of(*many, packet(address(8, host="h0")), packet(address(host="one")))
        hosts = heard._sources[HERE].hosts
        assert len(hosts) == MOST_NAMES
        assert list(hosts["h0.local."]) == [HERE, THERE]


class TestLacking:
    def test_nothing_is_lacking_where_all_was_told(self) -> None:
        assert heard_of(ALL).lacking() == []

    def test_what_is_lacking_is_asked_for(self) -> None:
        assert heard_of(packet(pointer())).lacking() == [f"{NAME}.{TELNET}"]
        assert heard_of(packet(service(), address())).lacking() == [f"{NAME}.{TELNET}"]
        assert heard_of(packet(service(), text())).lacking() == ["box.local."]

    def test_it_is_asked_for_behind_what_is_known(self) -> None:
        other = "threadchat on z"
        for of_it in ([pointer(other), text(other)], [text(other)], [pointer(other)]):
            assert heard_of(ALL, packet(*of_it)).lacking() == [f"{other}.{TELNET}"]

    def test_there_is_a_bound_and_no_machine_takes_it_all(self) -> None:
        heard = heard_of(*(packet(pointer(f"threadchat on {it}")) for it in range(100)))
        heard.hear(packet(pointer()), THERE, 5353)
        assert heard.lacking() == [f"threadchat on 0.{TELNET}", f"{NAME}.{TELNET}"]
        for it in range(100):
            heard.hear(packet(pointer(f"threadchat on x{it}")), f"10.0.0.{it}", 5353)
        assert len(heard.lacking()) == MOST_QUESTIONS
