"""Test what holds for all input, on input that hypothesis makes up."""

import gc
import re
import sys
import tracemalloc
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.clients import escape_words
from tests.terminal.support import PUTTY, joined
from threadchat.access.bans import BadBan, Ban, parse_target, show_target
from threadchat.access.passphrase import is_right
from threadchat.commands.registry import parse_line
from threadchat.messages.format import render
from threadchat.messages.kinds import Emote, Say
from threadchat.net.addresses import IPAddress, address_of
from threadchat.net.sniffer import Sniffer
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.linebuffer import LineBuffer, LineEvent
from threadchat.terminal.lineeditor import MAX_REMEMBERED
from threadchat.terminal.modes import Mode
from threadchat.terminal.negotiation import MAX_REPLIES
from threadchat.terminal.telnet import MAX_SUBNEGOTIATION, TelnetParser
from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    Side,
    Subnegotiation,
    escape,
)
from threadchat.terminal.terminalevents import TerminalEvent
from threadchat.terminal.view import View
from threadchat.text.clean import MAX_COMBINING_MARKS, MAX_LINE, UNSAFE_CHARACTER, clean_text
from threadchat.text.decoder import MAX_HELD, Decoder
from threadchat.text.names import (
    MAX_NAME_CELLS,
    RESERVED_NAMES,
    BadName,
    clean_name,
    fold_name,
    skeleton,
)
from threadchat.text.times import MAX_SECONDS, BadTime, split_time

OPTIONS = [*Option, 0x05, 0x20, 0x26, 0x27, 0xF0, IAC]

telnet_commands = st.one_of(
    st.builds(
        lambda verb, option: bytes((IAC, verb, option)),
        st.sampled_from([Command.WILL, Command.WONT, Command.DO, Command.DONT]),
        st.sampled_from(OPTIONS),
    ),
    st.builds(lambda command: bytes((IAC, command)), st.integers(0, 255)),
    st.builds(
        lambda option, payload, end: bytes((IAC, Command.SB, option)) + payload + end,
        st.sampled_from(OPTIONS),
        st.binary(max_size=8),
        st.sampled_from([b"\xff\xf0", b"\xff\xff\xf0", b"\xff", b""]),
    ),
)
"""Bytes that reach further into a parser than random bytes do."""

texts = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"\n", b"\r\n", b"\r\0", b"\r", b"\0", b"\b", b"\x7f", b"\xff\xff", b"\xe9", b"\xc3"]
    ),
)

keys = st.sampled_from(
    [
        *[b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F", b"\x1bOD", b"\x1b[3~"],
        *[b"\x1b[1;5C", b"\x1b[200~", b"\x1b[", b"\x1b", b"\t", b"\1", b"\3", b"\4", b"\5", b"\v"],
        *[b"\x15", b"\x17", "é".encode(), "漢".encode(), "\u0301".encode(), b"x" * 90],
    ]
)

openings = st.sampled_from(
    [b"", bytes((IAC, Command.DO, Option.ECHO, IAC, Command.DO, Option.SGA))]
)
"""The first input of a client that asks for no mode, and of one that asks for character mode."""

conversations = st.lists(st.one_of(texts, keys, keys, telnet_commands), max_size=20).map(b"".join)

streams = st.lists(st.one_of(texts, telnet_commands), max_size=12).map(b"".join)

cuts = st.lists(st.integers(0, 200), max_size=6)

nasty_text = st.lists(
    st.one_of(
        st.text(max_size=4),
        st.characters(),
        st.sampled_from(
            "\x1b \x1b[ \x1b] \x9b \x9d [31m \x07 \x1b\\ \x9c \u202e \u0301\u0301\u0301"
            " \u200d \u200c \x00 \r \n \u20dd \ufe0f \u2028 O ; ? A".split(" ")
        ),
    ),
    max_size=12,
).map("".join)

nasty_names = st.one_of(
    st.text(max_size=24),
    st.text(alphabet="al01I-_. оΟо\u0301ﬁ漢カקک\u0663ㄱ\u1161\u115f\uff21ß", max_size=24),
    st.text(alphabet=st.characters(categories=["L", "M", "Nd"]), min_size=1, max_size=12),
)


typed = st.lists(
    st.sampled_from(
        [
            *[b"x", b"hi\r\n", b"\r", b"\n", b"\0", b"\b", b"\x7f", b"\x1b", b"\x1b["],
            *[
                b"\xd0",
                b"\xd1\x83",
                b"\xe2\x80",
                b"\x9c",
                b"\xe9",
                b"\xf0\x9f\x98",
                b"\xef\xbb\xbf",
            ],
            *["привет\n".encode(), "说".encode("gbk"), "её\n".encode("koi8-r")],
            *[
                b"\xff\xf4",
                b"\xff\xf5\xff\xfd\x06",
                b"\xff\xed",
                b"\xff\xf7",
                b"\xff\xf8",
                b"\xff\xec",
            ],
            *[b"\xff\xfd\x01", b"\xff\xfe\x01", b"\xff\xfb\x00", b"\xff\xfb\x1f", b"\xff\xfb\x2a"],
            *[b"\xff\xfa\x1f\x00\x50\x00\xff\xff\xf0", b"\xff\xfa\x18\x00X\xff\xf0", b"\xff\xff"],
            b"\xff\xfa\x2a\x01;KOI8-R\xff\xf0",
        ]
    ),
    max_size=14,
).map(b"".join)
"""What clients in line mode send, in UTF-8 and not, with telnet commands in between."""

Chunk = TypeVar("Chunk", bytes, str)


def pieces(whole: Chunk, at: Iterable[int]) -> list[Chunk]:
    """Return `whole` cut at these places."""
    edges = [0, *sorted(min(place, len(whole)) for place in at), len(whole)]
    return [whole[begin:end] for begin, end in pairwise(edges)]


def agreeing_parser() -> TelnetParser:
    return TelnetParser(
        local={Option.ECHO, Option.SGA}, remote={Option.SGA, Option.NAWS, Option.TTYPE}
    )


class TestChunking:
    """The way in which input is cut into chunks never changes the result."""

    @given(streams, cuts)
    @example(b"\r\xff\xf1\n", [1, 2, 3])
    def test_telnet(self, stream: bytes, at: list[int]) -> None:
        def outcome(chunks: Sequence[bytes]) -> tuple[list[Event], bytes, bool]:
            parser = agreeing_parser()
            parser.enable(Side.LOCAL, Option.ECHO)
            events: list[Event] = []
            replies = b""
            for chunk in chunks:
                events += parser.receive_data(chunk)
                replies += parser.data_to_send()
            return joined(events), replies, parser.speaks_telnet

        assert outcome(pieces(stream, at)) == outcome([stream])

    @given(streams, cuts, st.sampled_from(["cp1252", "cp437", "cp852", "latin-1", "koi8-r"]))
    def test_decoding(self, stream: bytes, at: list[int], fallback: str) -> None:
        def outcome(chunks: Sequence[bytes]) -> tuple[str, str]:
            decoder = Decoder(fallback)
            text = "".join(map(decoder.decode, chunks)) + decoder.decode(b"", final=True)
            return text, decoder.encoding

        assert outcome(pieces(stream, at)) == outcome([stream])

    @given(typed, cuts, st.sampled_from(["cp1252", "gbk", "koi8-r", "utf-8"]))
    @example(b"\xd5f\xff\xec\xef\xbb\xbf\xff\xec", [1, 2, 3, 4, 5, 6, 7, 8], "koi8-r")
    def test_terminals(self, stream: bytes, at: list[int], fallback: str) -> None:
        def outcome(chunks: Sequence[bytes]) -> tuple[list[TerminalEvent], View, Mode]:
            terminal = ClientTerminal(fallback)
            terminal.receive_data(b"al\n", 0.0)  # it sends whole lines
            events = [event for chunk in chunks for event in terminal.receive_data(chunk, 0.0)]
            return [*events, *terminal.receive_end()], terminal.view, terminal.mode

        assert outcome(pieces(stream, at)) == outcome([stream])

    @given(st.text(alphabet="ab\n\b\x7fé", max_size=40), cuts)
    def test_lines(self, text: str, at: list[int]) -> None:
        def outcome(chunks: Sequence[str]) -> list[LineEvent]:
            buffer = LineBuffer(5)
            fed = [event for chunk in chunks for event in buffer.feed(chunk)]
            return [*fed, *buffer.finish()]

        assert outcome(pieces(text, at)) == outcome([text])

    @given(openings, conversations, cuts)
    def test_terminal(self, opening: bytes, stream: bytes, at: list[int]) -> None:
        def outcome(chunks: Sequence[bytes]) -> tuple[list[TerminalEvent], Mode, View]:
            terminal = ClientTerminal()
            terminal.receive_data(opening, 0.0)
            events: list[TerminalEvent] = []
            for chunk in chunks:
                events += terminal.receive_data(chunk, 0.0)
                terminal.take_output()
            return events + terminal.receive_end(), terminal.mode, terminal.view

        assert outcome(pieces(stream, at)) == outcome([stream])

    @given(
        st.sampled_from([b"", b"GET / HTTP/1.1", b"SSH-2", b"\x16\x03\x01", b"GET /" + b"a" * 240]),
        streams,
        cuts,
    )
    def test_foreign_protocols(self, opening: bytes, stream: bytes, at: list[int]) -> None:
        def verdict(chunks: Sequence[bytes]) -> str | None:
            sniffer = Sniffer()
            for chunk in chunks:
                if not sniffer.done and (foreign := sniffer.look(chunk)):
                    return foreign.protocol
            return None

        assert verdict(pieces(opening + stream, at)) == verdict([opening + stream])


class TestBounds:
    """No input is kept without bound, and none is answered without end."""

    HELD = (
        # Each letter of the line being typed may be an object, in one of two lists that grow by an
        # eighth more than they need.
        MAX_LINE * (sys.getsizeof("\U0001f600") + 2 * 9)
        # Text, at four bytes a letter: the lines before, the one typed beside them, and the line as
        # it was drawn last, with and without its cursor.
        + 4 * (MAX_REMEMBERED + 3 * MAX_LINE)
        # Bytes that wait for the end of their line, and all that has a size of its own.
        + MAX_HELD
        + 16 * 1024
    )
    """The most bytes that a terminal holds, by the bounds of its parts; about half a megabyte."""

    @pytest.mark.slow
    @settings(max_examples=5, deadline=None)
    @example(PUTTY, b"xy\r")
    @example(PUTTY, "\U0001f600".encode())
    @example(PUTTY, ("\U0001f600" * 4000 + "\r" + "\U0001f601" * 4000 + "\x1b[A").encode())
    @example(PUTTY, ("\u6f22" * 1000 + "\r" + "\u5b57" * 3000).encode() + b"\x1b[A\x1b[H")
    @given(openings, conversations)
    def test_memory_of_a_terminal(self, opening: bytes, stream: bytes) -> None:
        def fill(terminal: ClientTerminal) -> None:
            terminal.receive_data(opening, 0.0)
            for _ in range(10):
                terminal.receive_data(chunk, 0.0)
                terminal.take_output()

        chunk = stream * (60_000 // max(len(stream), 1))
        # What all terminals share, such as the widths of these letters, is not this one's.
        fill(ClientTerminal())
        tracemalloc.start()
        try:
            terminal = ClientTerminal()
            fill(terminal)
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < self.HELD

    @given(streams)
    def test_replies_but_for_timing_marks(self, stream: bytes) -> None:
        parser = agreeing_parser()
        replies = b""
        for _ in range(MAX_REPLIES):
            parser.receive_data(stream)
            replies += parser.data_to_send()
        timing_marks = replies.count(bytes((IAC, Command.WONT, Option.TIMING_MARK)))
        assert len(replies) <= 3 * (MAX_REPLIES + timing_marks)

    @given(st.binary(max_size=2000))
    def test_subnegotiations(self, payload: bytes) -> None:
        parser = agreeing_parser()
        option = Option.TTYPE
        data = bytes((IAC, Command.SB, option)) + escape(payload) + b"\xff\xf0"
        *_, last = parser.receive_data(bytes((IAC, Command.WILL, option)) + data)
        assert last == Subnegotiation(option, payload[:MAX_SUBNEGOTIATION])

    @given(streams)
    def test_nothing_of_telnet_without_telnet(self, stream: bytes) -> None:
        parser = agreeing_parser()
        parser.receive_data(stream)
        assert parser.speaks_telnet or parser.data_to_send() == b""


class TestRoundTrips:
    @given(st.binary())
    def test_telnet_escape(self, data: bytes) -> None:
        data = data.replace(b"\r", b"").replace(b"\0", b"")
        parser = TelnetParser()
        assert parser.receive_data(escape(data)) == ([Data(data)] if data else [])
        assert not parser.speaks_telnet

    @given(st.binary(max_size=600))
    def test_subnegotiation(self, payload: bytes) -> None:
        parser = TelnetParser(remote={Option.TTYPE})
        parser.receive_data(bytes((IAC, Command.WILL, Option.TTYPE)))
        other = TelnetParser()
        other.subnegotiate(Option.TTYPE, payload)
        assert parser.receive_data(other.data_to_send()) == [
            Subnegotiation(Option.TTYPE, payload[:MAX_SUBNEGOTIATION])
        ]

    @given(st.text())
    def test_utf8(self, text: str) -> None:
        decoder = Decoder()
        assert decoder.decode(text.encode(), final=True) == text
        assert decoder.encoding == "utf-8"

    @given(st.one_of(st.text(), st.text(alphabet="/ a")))
    def test_words_with_slashes(self, text: str) -> None:
        assert parse_line(escape_words(text)) == text


class TestCleanText:
    @given(nasty_text)
    def test_cleaning_twice_changes_nothing(self, text: str) -> None:
        assert clean_text(clean_text(text)) == clean_text(text)

    @given(nasty_text)
    def test_nothing_unsafe_is_left(self, text: str) -> None:
        assert not UNSAFE_CHARACTER.search(clean_text(text))
        assert "\x1b" not in clean_text(text)

    @given(nasty_text)
    def test_no_control_character_is_left(self, text: str) -> None:
        kinds = set(map(unicodedata.category, clean_text(text)))
        assert not kinds & {"Cc", "Cs", "Zl", "Zp"}

    @given(nasty_text)
    @example("a" + "\u0301\u0301\u0301\u0301\u200d" * 2)
    def test_no_base_has_too_many_marks(self, text: str) -> None:
        visible = (kind for kind in map(unicodedata.category, clean_text(text)) if kind != "Cf")
        runs = "".join("m" if kind in ("Mn", "Me") else "b" for kind in visible)
        assert "m" * (MAX_COMBINING_MARKS + 1) not in runs

    @given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
    def test_printable_ascii_stays(self, text: str) -> None:
        assert clean_text(text) == text

    @given(
        nasty_text,
        st.sampled_from([View(), View("cp1252"), View("cp1252", True), View("cp437", True)]),
    )
    def test_promise_4_it_stays_on_its_line(self, text: str, view: View) -> None:
        for message in (Say("al", clean_text(text), 0.0), Emote("al", clean_text(text), 0.0)):
            line = render(message, view)
            assert line.endswith(b"\r\n")
            assert not re.search(rb"[\x00-\x1f\x7f]", line[:-2])

    @given(nasty_text, st.sampled_from(["utf-8", "cp1252", "cp437"]))
    def test_promise_4_no_telnet_command_can_be_sent_to_a_telnet(
        self, text: str, encoding: str
    ) -> None:
        line = render(Say("al", clean_text(text), 0.0), View(encoding, doubled_iac=True))
        parser = TelnetParser()
        parser.receive_data(line)
        assert not parser.speaks_telnet


class TestBans:
    """Whatever is typed is a ban or gets `BadBan`."""

    addresses = st.one_of(st.ip_addresses().map(str), st.text(alphabet="0129.:/%[]f", max_size=20))

    @given(st.one_of(nasty_names, addresses))
    @example("1.2.3.4/" + "9" * 5000)
    def test_a_target_names_itself(self, typed: str) -> None:
        try:
            target = parse_target(typed)
        except BadBan:
            return
        assert parse_target(show_target(target)) == target
        assert clean_text(show_target(target)) == show_target(target)

    @given(st.one_of(st.text(max_size=12), st.from_regex(r"([0-9]{1,9} ?[wdhms]){1,5}")))
    def test_a_time_is_within_its_bounds(self, typed: str) -> None:
        try:
            seconds, rest = split_time(typed)
        except BadTime:
            return
        assert seconds is None or 0 < seconds <= MAX_SECONDS
        assert rest == typed.strip() if seconds is None else typed.strip().endswith(rest)

    @given(st.ip_addresses(), st.integers(0, 128))
    def test_an_address_is_in_the_network_around_it(self, address: IPAddress, size: int) -> None:
        # An IPv6 address that stands for an IPv4 address counts as IPv4: no IPv6 network has it.
        address = address_of(str(address))
        target = parse_target(f"{address}/{min(size, address.max_prefixlen)}")
        assert Ban(target, "op", "", 0.0).is_of_address(address)


class TestPassphrases:
    @given(st.binary())
    @example(b"$scrypt$ln=1,r=1,p=1$A$A")
    def test_what_make_has_not_made_is_kept_of_none(self, kept: bytes) -> None:
        assert not is_right("correct horse", kept)


class TestNames:
    @given(nasty_names)
    @example("\u1161")
    def test_a_name_keeps_the_rules(self, typed: str) -> None:
        try:
            name = clean_name(typed)
        except BadName:
            return
        assert clean_name(name) == name
        assert unicodedata.is_normalized("NFKC", name)
        assert 1 <= cell_len(name) <= MAX_NAME_CELLS
        assert clean_text(name) == name
        assert not re.search(r"[^\w.\-]", re.sub(r"[\u0300-\U0010ffff]", "", name))
        assert unicodedata.category(name[0])[0] in "LN"
        assert fold_name(name) not in RESERVED_NAMES

    @given(nasty_names)
    @example("\u0390")
    def test_folding_twice_changes_nothing(self, typed: str) -> None:
        try:
            name = clean_name(typed)
        except BadName:
            return
        assert fold_name(fold_name(name)) == fold_name(name)
        assert skeleton(skeleton(name)) == skeleton(name)

    @given(nasty_names)
    def test_no_name_begins_a_line_of_the_server(self, typed: str) -> None:
        try:
            name = clean_name(typed)
        except BadName:
            return
        line = Say(name, "hi", 0.0).line
        assert not line.startswith(("-->", "<--", "---", "===", "!!!", "* ", "["))
        assert line.split(" ")[0] == f"{name}:"
