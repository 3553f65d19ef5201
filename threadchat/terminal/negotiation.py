"""Agree with a telnet peer on options, by the Q method of RFC 1143.

The parser passes the peer's WILL, WONT, DO and DONT to `Negotiation.receive`, which returns
events. `Negotiation.data_to_send` returns the answers. What the options are for is not known
here: the caller says which of them it agrees to.

Sources: RFC 855 (options), 1143 (the Q method), 860 (TIMING-MARK).
"""

from collections.abc import Collection
from enum import Enum

from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Option,
    OptionChanged,
    OptionEvent,
    OptionRefused,
    OptionRequested,
    Side,
    escape,
)

MAX_REPLIES = 100
"""The most replies and requests sent on one connection, so that no peer can keep us talking.

Our requests to end an option are not counted: there cannot be more of them than of the others.
"""


class _Q(Enum):
    """The states of RFC 1143 section 7. The names include the queue bit ("then")."""

    NO = 0
    YES = 1
    WANT_NO = 2
    WANT_NO_THEN_YES = 3
    WANT_YES = 4
    WANT_YES_THEN_NO = 5


_WANTED = frozenset({_Q.YES, _Q.WANT_YES, _Q.WANT_NO_THEN_YES})

_IN_FORCE = frozenset({_Q.YES, _Q.WANT_NO, _Q.WANT_NO_THEN_YES})
"""An option that we are ending is in force until the peer has confirmed the end."""

_NONE_REFUSED: frozenset[tuple[Side, int]] = frozenset()
"""One object for all peers: `frozenset()` makes a new one each time."""

_WORDS = {
    (Side.LOCAL, True): Command.WILL,
    (Side.LOCAL, False): Command.WONT,
    (Side.REMOTE, True): Command.DO,
    (Side.REMOTE, False): Command.DONT,
}
"""What we say to have an option or to have it not: as a request and as an answer."""


class Negotiation:
    """The options of one connection: their states, and what is owed to the peer.

    `local` are the options that we switch on at our side when the peer asks, `remote` those that
    the peer may switch on at its own. All others are refused, once each.

    Call `data_to_send` after `receive`, and after each request.
    """

    __slots__ = (
        "_local",
        "_options",
        "_refused",
        "_remote",
        "_replies",
        "_timing_marks",
        "_to_send",
    )

    def __init__(self, local: Collection[int], remote: Collection[int]) -> None:
        self._local = local
        self._remote = remote
        self._options: dict[tuple[Side, int], _Q] = {}  # without those in the state NO
        self._refused = _NONE_REFUSED  # replaced to add one
        self._to_send = b""
        self._replies = 0
        self._timing_marks = 0

    # What we want

    def enable(self, side: Side, option: int) -> None:
        """Ask the peer for `option`: to let us do it (LOCAL), or to do it itself (REMOTE).

        Nothing is sent if the option is in force, if we have asked already, or after `MAX_REPLIES`.
        """
        key = (side, option)
        match self._options.get(key, _Q.NO):
            case _Q.NO:
                if self._reply(_WORDS[side, True], option):
                    self._options[key] = _Q.WANT_YES
            case _Q.WANT_NO:
                self._options[key] = _Q.WANT_NO_THEN_YES
            case _Q.WANT_YES_THEN_NO:
                self._options[key] = _Q.WANT_YES

    def disable(self, side: Side, option: int) -> None:
        """End `option`, or ask the peer to end it. Nothing is sent if it is not in force."""
        key = (side, option)
        match self._options.get(key, _Q.NO):
            case _Q.YES:
                self._options[key] = _Q.WANT_NO
                self._say(_WORDS[side, False], option)
            case _Q.WANT_YES:
                self._options[key] = _Q.WANT_YES_THEN_NO
            case _Q.WANT_NO_THEN_YES:
                self._options[key] = _Q.WANT_NO

    def subnegotiate(self, option: int, payload: bytes) -> None:
        """Send IAC SB option payload IAC SE with every FF doubled, but not after `MAX_REPLIES`."""
        if self._has_said_enough():
            return
        self._replies += 1
        self._to_send += (
            bytes((IAC, Command.SB, option)) + escape(payload) + bytes((IAC, Command.SE))
        )

    def is_wanted(self, side: Side, option: int) -> bool:
        """Return whether we want `option`: it is in force, or we are asking for it."""
        return self._options.get((side, option)) in _WANTED

    def is_in_force(self, option: int) -> bool:
        """Return whether `option` is in force, at either side."""
        return any(self._options.get((side, option)) in _IN_FORCE for side in Side)

    def data_to_send(self) -> bytes:
        """Return the bytes owed to the peer since the last call."""
        data, self._to_send = self._to_send, b""
        return data

    # What the peer says

    def receive(self, verb: Command, option: int) -> list[OptionEvent]:
        """Take the peer's WILL, WONT, DO or DONT for `option`; return what came of it."""
        if option == Option.TIMING_MARK:
            if verb is Command.DO:
                self._answer_timing_mark()
            return []
        side = Side.LOCAL if verb in (Command.DO, Command.DONT) else Side.REMOTE
        wanted = verb in (Command.DO, Command.WILL)
        events: list[OptionEvent] = []
        before = self._options.get((side, option), _Q.NO)
        if wanted and before is _Q.NO:
            events.append(OptionRequested(side, option))
        if not wanted and before in (_Q.WANT_YES, _Q.WANT_YES_THEN_NO):
            events.append(OptionRefused(side, option))
        after = self._settle(before, side, option, wanted)
        if after is _Q.NO:
            self._options.pop((side, option), None)
        else:
            self._options[side, option] = after
        if (before in _IN_FORCE) != (after in _IN_FORCE):
            events.append(OptionChanged(side, option, after in _IN_FORCE))
        return events

    def receive_text(self) -> None:
        """Take note that the peer has sent some text: timing marks are counted anew.

        A person may press Ctrl-C as often as they like. A telnet that takes parts of letters for
        Ctrl-C and other keys sends a timing mark for each, and a line may have hundreds of them.
        """
        self._timing_marks = 0

    def _answer_timing_mark(self) -> None:
        """Refuse, every time (RFC 860): the client waits for the answer, whatever it is.

        Without an answer, inetutils' telnet throws away all output for good after a Ctrl-C.
        """
        if not self._has_said_enough():
            self._timing_marks += 1
            self._to_send += bytes((IAC, Command.WONT, Option.TIMING_MARK))

    def _settle(self, before: _Q, side: Side, option: int, wanted: bool) -> _Q:
        """Return the state after the peer's word on `option`; answer where RFC 1143 says so."""
        if wanted:
            return self._settle_wanted(before, side, option)
        match before:
            case _Q.YES:
                self._reply(_WORDS[side, False], option)
            case _Q.WANT_NO_THEN_YES:
                self._reply(_WORDS[side, True], option)
                return _Q.WANT_YES
        return _Q.NO

    def _settle_wanted(self, before: _Q, side: Side, option: int) -> _Q:
        match before:
            case _Q.NO:
                if option in (self._local if side is Side.LOCAL else self._remote):
                    return _Q.YES if self._reply(_WORDS[side, True], option) else _Q.NO
                if (side, option) not in self._refused:
                    self._refused |= {(side, option)}
                    self._reply(_WORDS[side, False], option)
                return _Q.NO
            case _Q.WANT_YES | _Q.YES:
                return _Q.YES
            case _Q.WANT_YES_THEN_NO:
                self._reply(_WORDS[side, False], option)
                return _Q.WANT_NO
            case _Q.WANT_NO:
                return _Q.NO  # the peer answered our no with a yes: an error of its own
            case _Q.WANT_NO_THEN_YES:
                return _Q.YES

    # Our answers

    def _reply(self, verb: Command, option: int) -> bool:
        if self._has_said_enough():
            return False
        self._replies += 1
        self._say(verb, option)
        return True

    def _has_said_enough(self) -> bool:
        return self._replies + self._timing_marks >= MAX_REPLIES

    def _say(self, verb: Command, option: int) -> None:
        self._to_send += bytes((IAC, verb, option))
