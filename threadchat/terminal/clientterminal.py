"""Join the layers between one client's bytes and its lines, and find out what the client is.

bytes -> `TelnetParser` -> `Decoder` -> `LineBuffer` or `LineEditor` -> lines. No sockets, no
threads, no clock: the time comes in with the bytes, and what the client is to be sent is fetched
with `Terminal.take_output`.

A client is in one of five modes, and `MODE_AFTER` says how it gets from one to another. All begin
as UNKNOWN. A client in LINE mode edits its own lines. Windows' telnet sends keys one by one, and is
PROBED for that. In CHARACTER mode the server echoes and draws the line. A client that was probed
and has not answered sends RAW keys.

Promise 5 is kept here and in the parser: no telnet byte without evidence of telnet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from threadchat.terminal.charsets import choose_charset, console_code_page
from threadchat.terminal.linebuffer import MAX_LINE, LineBuffer, LineTooLong
from threadchat.terminal.lineeditor import Completer, EndOfInput, LineEditor
from threadchat.terminal.modes import (
    MAX_KEY,
    MIN_BETWEEN_KEYS,
    MODE_AFTER,
    PROBE_TIMEOUT,
    Mode,
    Sign,
    is_mud_client,
)
from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetcodes import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    OptionChanged,
    OptionRefused,
    OptionRequested,
    Side,
    Signal,
    Subnegotiation,
)
from threadchat.terminal.view import PLAIN_VIEW, View
from threadchat.text.encodings import Decoder, usable_encoding

_PLAIN_LINES = re.compile(rb"(?:[ -~]*\r?\n)+")

# One object each for all clients.
_OPTIONS_OF_OURS = frozenset({Option.ECHO, Option.SGA, Option.CHARSET})
_OPTIONS_OF_CLIENTS = frozenset({Option.SGA, Option.NAWS, Option.TTYPE, Option.CHARSET})

_SECRET_SHOWS = "(Your client will show what you type.) "


@dataclass(frozen=True, slots=True)
class AreYouThere:
    """The client asks for a visible sign of life (RFC 854, AYT)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The client is done, while still connected: Ctrl-D on an empty line, or EOF (RFC 1184)."""


TerminalEvent = str | LineTooLong | AreYouThere | Ended


class ClientTerminal:
    """What one client types, and what stands on its screen while it does.

    `fallback` is the encoding of a client that sends no UTF-8. `complete` finds what Tab offers.
    After each call that takes input or changes something, send what `take_output` returns.

    No input raises, and how it is cut into chunks never changes what comes out, but for what the
    time between two keys tells.
    """

    __slots__ = (
        "_asked_for_type",
        "_buffer",
        "_complete",
        "_decoder",
        "_echo_is_for_a_secret",
        "_editor",
        "_is_plain",
        "_last_key_at",
        "_options",
        "_output",
        "_probed_at",
        "_prompt",
        "_question",
        "_secret",
        "_size",
        "_telnet",
        "mode",
        "view",
    )

    def __init__(self, fallback: str = "cp1252", complete: Completer | None = None) -> None:
        self.mode = Mode.UNKNOWN
        self.view = PLAIN_VIEW
        """How the client is to be shown text, people's own wishes aside."""
        self._telnet = TelnetParser(local=_OPTIONS_OF_OURS, remote=_OPTIONS_OF_CLIENTS)
        self._options = self._telnet.negotiation
        self._decoder = Decoder(fallback)
        self._buffer = LineBuffer()
        self._editor: LineEditor | None = None  # there in character mode alone
        self._complete = complete
        self._size = 0, 0  # columns and rows; 0 is unknown
        self._is_plain = False
        """Whether nothing but lines is to be expected, and the next begins with the next byte."""
        self._prompt = ""
        self._question = ""  # that of it which is shown in line mode, too
        self._output = ""
        self._last_key_at: float | None = None
        self._probed_at = 0.0
        self._asked_for_type = False
        self._secret = False
        self._echo_is_for_a_secret = False

    # Input

    def receive_data(self, data: bytes, now: float) -> list[TerminalEvent]:
        """Return what `data`, received at `now` (monotonic, in seconds), amounts to."""
        if (lines := self.plain_lines(data)) is not None:
            return [*lines]
        if self.mode is Mode.UNKNOWN:
            self._look_at_chunk(data, now)
        elif self.mode is Mode.PROBED and now - self._probed_at > PROBE_TIMEOUT:
            self._see(Sign.NO_ANSWER)
        events: list[TerminalEvent] = []
        for event in self._telnet.receive_data(data):
            if isinstance(event, Data):
                events += self._take_text(self._decoder.decode(event.data))
            else:
                events += self._take_command(event)
        self._choose_view()
        self._is_plain = (
            self.mode is Mode.LINE
            and not self._secret
            and self._telnet.is_plain
            and self._decoder.is_plain
            and self._buffer.is_empty
        )
        return events

    def plain_lines(self, data: bytes) -> list[str] | None:
        """Return the lines of `data` where it is but that: whole lines of ASCII from who types so.

        That is seen at a glance, and nothing comes of it besides: `take_output` has nothing new.
        Return None, with nothing done, for all else, which is for `receive_data`.
        """
        if self._is_plain and len(data) <= MAX_LINE and _PLAIN_LINES.fullmatch(data):
            return data.decode("ascii").replace("\r", "").split("\n")[:-1]
        return None

    def receive_end(self) -> list[TerminalEvent]:
        """Return the line that the client had begun when it closed its side."""
        if self._editor is not None:
            return []  # a half-typed line that its author could still have changed
        return [*self._buffer.feed(self._decoder.decode(b"", final=True)), *self._buffer.finish()]

    def _look_at_chunk(self, data: bytes, now: float) -> None:
        """Tell a client that sends lines from one that sends keys (and may know telnet)."""
        if b"\n" in data or b"\r" in data:
            self._see(Sign.LINE_END)
        elif len(data) > MAX_KEY or IAC in data:
            self._last_key_at = None
        else:
            before, self._last_key_at = self._last_key_at, now
            if before is not None and now - before >= MIN_BETWEEN_KEYS:
                self._see(Sign.KEYS)
                self._probed_at = now
                self._ask_for_character_mode()

    def _take_text(self, text: str) -> Sequence[TerminalEvent]:
        if self._editor is None and not self._secret:
            return self._buffer.feed(text)
        if self._secret and "\n" in text:
            secret, _, rest = text.partition("\n")
            return [*self._take_line_text(secret + "\n"), *self._take_line_text(rest)]
        return self._take_line_text(text)

    def _take_line_text(self, text: str) -> list[TerminalEvent]:
        events: list[TerminalEvent] = []
        taken = self._buffer.feed(text) if self._editor is None else self._editor.feed(text)
        for event in taken:
            if isinstance(event, EndOfInput):
                events.append(Ended())
            else:
                events.append(event)
            if isinstance(event, str) and self._secret:
                self._end_secret()
        return events

    def _take_command(self, event: Event) -> Sequence[TerminalEvent]:
        match event:
            case Signal(command):
                return self._obey(command)
            case OptionRequested(Side.LOCAL, Option.ECHO | Option.SGA):
                self._ask_for_echo()
            case OptionChanged(side, option, enabled):
                self._option_changed(side, option, enabled)
            case OptionRefused(Side.LOCAL, Option.ECHO) if self._echo_is_for_a_secret:
                self._echo_is_for_a_secret = False
                if self._secret:
                    self._output += f"\r\n{_SECRET_SHOWS}{self._prompt}"
            case OptionRefused(Side.LOCAL, Option.ECHO | Option.SGA):
                self._leave_character_mode()
            case Subnegotiation(option, payload):
                self._take_subnegotiation(option, payload)
        return []

    def _obey(self, command: Command) -> Sequence[TerminalEvent]:
        editor = self._editor
        match command:
            case Command.AYT:
                return [AreYouThere()]
            case Command.EOF:
                return [*self.receive_end(), Ended()]
            case Command.EC:
                return self._take_text("\x7f")
            case Command.EL | Command.IP | Command.BRK | Command.ABORT:
                self._decoder.clear()
                self._buffer.clear()
                if editor is not None:
                    editor.interrupt()
        return []

    # Modes

    def _see(self, sign: Sign) -> None:
        self.mode = MODE_AFTER[self.mode].get(sign, self.mode)

    @property
    def is_in_character_mode(self) -> bool:
        """Whether the line being typed is ours to draw."""
        return self._editor is not None

    @property
    def speaks_telnet(self) -> bool:
        """Whether the client has sent a telnet command."""
        return self._telnet.speaks_telnet

    def set_character_mode(self, wanted: bool) -> None:
        """Ask the client for character mode, or for line mode. Its answer decides."""
        self._is_plain = False
        if wanted:
            self._ask_for_character_mode()
        else:
            self._leave_character_mode()

    def _ask_for_character_mode(self) -> None:
        self._ask_for_echo()
        self._options.enable(Side.REMOTE, Option.NAWS)

    def _ask_for_echo(self) -> None:
        # Never one without the other: SGA alone leaves Unix telnets echoing key by key, and ECHO
        # alone is for passwords.
        self._echo_is_for_a_secret = False
        self._options.enable(Side.LOCAL, Option.ECHO)
        self._options.enable(Side.LOCAL, Option.SGA)

    def _option_changed(self, side: Side, option: int, enabled: bool) -> None:
        match side, option:
            case Side.LOCAL, Option.ECHO if enabled and not self._echo_is_for_a_secret:
                if self._options.is_wanted(side, option):  # we may have thought better of it
                    self._enter_character_mode()
            case Side.LOCAL, Option.ECHO | Option.SGA if not enabled:
                if self._options.is_wanted(side, option):  # for we are asking for it again
                    self._stop_drawing()
                else:
                    self._leave_character_mode()
            case Side.REMOTE, Option.TTYPE if enabled:
                self._ask_for_type()

    def _enter_character_mode(self) -> None:
        if self._editor is not None:
            return
        if self.mode is Mode.PROBED:
            # Keys one by one and no request of its own: telnet.exe, whose bytes are its console's.
            self._decoder.fallback = console_code_page(self._decoder.fallback)
        self._see(Sign.ECHO)
        self._editor = LineEditor(complete=self._complete, encoding=self._decoder.encoding)
        self._editor.resize(*self._size)
        self._editor.set_prompt(self._prompt)
        self._editor.secret = self._secret
        # What has been typed may stand on the screen already: it is drawn over, once.
        self._editor.start()
        self._editor.feed(self._buffer.take())
        self._options.enable(Side.REMOTE, Option.NAWS)
        self._options.enable(Side.REMOTE, Option.TTYPE)
        self._ask_for_type()

    def _leave_character_mode(self) -> None:
        self._options.disable(Side.LOCAL, Option.ECHO)
        self._options.disable(Side.LOCAL, Option.SGA)
        self._stop_drawing()

    def _stop_drawing(self) -> None:
        self._see(Sign.NO_ECHO)
        editor, self._editor = self._editor, None
        if editor is not None:
            typed = editor.text
            editor.stop()
            self._output += editor.output() + self._question + ("" if self._secret else typed)
            self._buffer.feed(typed)

    def _ask_for_type(self) -> None:
        """Ask for the terminal type (RFC 1091): MUD clients give theirs away."""
        if (
            self._editor is not None
            and not self._asked_for_type
            and self._options.is_in_force(Option.TTYPE)
        ):
            self._asked_for_type = True
            self._options.subnegotiate(Option.TTYPE, b"\x01")

    def _take_subnegotiation(self, option: int, payload: bytes) -> None:
        match option:
            case Option.NAWS if len(payload) == 4:  # RFC 1073
                self._size = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big")
                if self._editor is not None:
                    self._editor.resize(*self._size)
            case Option.TTYPE if payload[:1] == b"\0":
                if is_mud_client(payload[1:]):
                    self._leave_character_mode()
            case Option.CHARSET if payload[:1] == b"\x01":
                answer, encoding = choose_charset(payload[1:])
                if encoding is not None:
                    self._decoder.use(encoding)
                self._options.subnegotiate(Option.CHARSET, answer)

    # Encodings

    def set_charset(self, name: str) -> str:
        """Take the client's bytes for the encoding called `name` and return its proper name.

        "utf-8" is the beginning again: UTF-8 for as long as that is what comes. Raise
        `LookupError` if there is no such encoding, or a terminal cannot be in it.
        """
        encoding = usable_encoding(name)
        self._decoder.use(encoding)
        self._is_plain = False
        self._choose_view()
        return encoding

    def _choose_view(self) -> None:
        decoder, view = self._decoder, self.view
        # UTF-8 has no byte FF that could need doubling: one view less to render.
        doubled_iac = self._telnet.speaks_telnet and decoder.encoding != "utf-8"
        if (
            decoder.encoding != view.encoding
            or decoder.is_a_guess != view.is_a_guess
            or doubled_iac != view.doubled_iac
        ):
            self.view = View(decoder.encoding, decoder.is_a_guess, doubled_iac)
            if self._editor is not None:
                self._editor.set_encoding(decoder.encoding)

    # The screen

    def ask(self, question: str) -> None:
        """Put `question` before what is typed next, in every mode."""
        self.set_prompt(question)
        self._question = question
        if self._editor is None:
            self._output += question

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` before what is typed in character mode; in line mode, nothing is shown."""
        self._prompt = prompt
        self._question = ""
        if self._editor is not None:
            self._editor.set_prompt(prompt)

    def ask_secret(self, question: str) -> None:
        """Ask for a password: the next line is it, and is not shown where the client allows that.

        Of a telnet in line mode we take over the echo (RFC 857) and give none; whoever is at a
        netcat is warned.
        """
        self._secret = True
        self._is_plain = False
        if self._editor is not None:
            self._editor.secret = True
        elif self._telnet.speaks_telnet:
            self._echo_is_for_a_secret = True
            self._options.enable(Side.LOCAL, Option.ECHO)
        else:
            question = _SECRET_SHOWS + question
        self.ask(question)

    def take_secret(self, secret: str) -> None:
        """Take the line `secret` for what `ask_secret` asked for.

        It may have been typed before that, in one piece with the command that asks.
        """
        if self._secret:
            if self._editor is not None:
                # What is being typed has come in behind it, and is the beginning of the next line.
                self._editor.end_secret()
            self._end_secret()
        if self._editor is not None:
            self._editor.forget(secret)

    def _end_secret(self) -> None:
        self._secret = False
        self.set_prompt("")
        if self._editor is not None:
            self._editor.secret = False
        elif self._echo_is_for_a_secret:
            self._options.disable(Side.LOCAL, Option.ECHO)
            self._output += "\r\n"  # the Enter that has not been shown either

    def stop(self) -> None:
        """Take the line being typed off the screen, for the last words."""
        if self._editor is not None:
            self._editor.stop()

    def take_output(self) -> tuple[bytes, tuple[bytes, bytes] | None]:
        """Return what to send, and what then keeps the line being typed whole.

        That is what takes it off the screen and what puts it back, or None in line mode.
        """
        owed = self._options.take_output()
        if self._editor is None and not self._output:
            return owed, None
        output, self._output = self._output, ""
        frame = None
        if self._editor is not None:
            output += self._editor.output()
            encode = self.view.encode
            frame = encode(self._editor.hide()), encode(self._editor.show())
        return (owed + self.view.encode(output) if output else owed), frame
