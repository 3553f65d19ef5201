"""Negotiate telnet options by the Q method (RFC 1143).

No sockets, no threads: what the peer says goes into `Negotiation.receive`, which returns events;
what has to be answered is fetched with `Negotiation.take_output`. What the options are for is not
known here: the owner of a negotiation says which ones it may agree to.
"""

from collections.abc import Collection
from enum import Enum

from threadchat.terminal.telnetcodes import (
    IAC,
    Command,
    Event,
    Option,
    OptionChanged,
    OptionRefused,
    OptionRequested,
    Side,
    escape,
)

MAX_REPLIES = 100
"""The most replies and requests sent on one connection, so that no peer can keep us talking.

Giving up an option is always possible: there are no more of those than of the others.
"""


class _Q(Enum):
    """The states of RFC 1143 section 7, the queue bit written into the name."""

    NO = 0
    YES = 1
    WANT_NO = 2
    WANT_NO_THEN_YES = 3
    WANT_YES = 4
    WANT_YES_THEN_NO = 5


_WANTED = frozenset({_Q.YES, _Q.WANT_YES, _Q.WANT_NO_THEN_YES})

_IN_FORCE = frozenset({_Q.YES, _Q.WANT_NO, _Q.WANT_NO_THEN_YES})
"""An option that is being given up is in force until the peer has confirmed it."""

_AFTER_YES = {
    # From NO, it depends on whether we may agree.
    _Q.YES: (_Q.YES, None),
    _Q.WANT_NO: (_Q.NO, None),  # an answer of yes to our no: an error of the peer's
    _Q.WANT_NO_THEN_YES: (_Q.YES, None),
    _Q.WANT_YES: (_Q.YES, None),
    _Q.WANT_YES_THEN_NO: (_Q.WANT_NO, False),
}
"""The state after the peer's WILL or DO, and our answer: True agrees, False does not."""

_AFTER_NO = {
    _Q.NO: (_Q.NO, None),
    _Q.YES: (_Q.NO, False),
    _Q.WANT_NO: (_Q.NO, None),
    _Q.WANT_NO_THEN_YES: (_Q.WANT_YES, True),
    _Q.WANT_YES: (_Q.NO, None),
    _Q.WANT_YES_THEN_NO: (_Q.NO, None),
}
"""The same after the peer's WONT or DONT."""

_VERBS = {
    (Side.LOCAL, True): Command.WILL,
    (Side.LOCAL, False): Command.WONT,
    (Side.REMOTE, True): Command.DO,
    (Side.REMOTE, False): Command.DONT,
}

_NOTHING_REFUSED: frozenset[tuple[Side, int]] = frozenset()
"""One object for all: `frozenset()` makes another each time."""


class Negotiation:
    """The telnet options of one connection.

    `local` are the options that we agree to switch on at our side when asked, `remote` those that
    we let the peer switch on at its own. All others are refused, each once.
    """

    __slots__ = (
        "_local",
        "_refused",
        "_remote",
        "_replies",
        "_states",
        "_timing_marks",
        "_to_send",
    )

    def __init__(self, local: Collection[int], remote: Collection[int]) -> None:
        self._local = local
        self._remote = remote
        self._states: dict[tuple[Side, int], _Q] = {}  # of all that are not in state NO
        self._refused = _NOTHING_REFUSED  # as nearly always; replaced to add one
        self._to_send = b""
        self._replies = 0
        self._timing_marks = 0

    # What we want

    def enable(self, side: Side, option: int) -> None:
        """Ask the peer for `option`: to let us do it (LOCAL), or to do it itself (REMOTE).

        Nothing is sent where it is in force or asked for already, nor after `MAX_REPLIES`.
        """
        key = (side, option)
        match self._states.get(key, _Q.NO):
            case _Q.NO:
                if self._reply(side, option, agrees=True):
                    self._states[key] = _Q.WANT_YES
            case _Q.WANT_NO:
                self._states[key] = _Q.WANT_NO_THEN_YES
            case _Q.WANT_YES_THEN_NO:
                self._states[key] = _Q.WANT_YES

    def disable(self, side: Side, option: int) -> None:
        """Give up `option`, or ask the peer to. Nothing is sent where it is not in force."""
        key = (side, option)
        match self._states.get(key, _Q.NO):
            case _Q.YES:
                self._states[key] = _Q.WANT_NO
                self._say(_VERBS[side, False], option)
            case _Q.WANT_YES:
                self._states[key] = _Q.WANT_YES_THEN_NO
            case _Q.WANT_NO_THEN_YES:
                self._states[key] = _Q.WANT_NO

    def subnegotiate(self, option: int, payload: bytes) -> None:
        """Send IAC SB option payload IAC SE, doubling what has to be, unless too much was said."""
        if self._has_said_enough():
            return
        self._replies += 1
        self._to_send += (
            bytes((IAC, Command.SB, option)) + escape(payload) + bytes((IAC, Command.SE))
        )

    def is_wanted(self, side: Side, option: int) -> bool:
        """Return whether we would have `option` in force: it is, or we are asking for it."""
        return self._states.get((side, option)) in _WANTED

    def is_in_force(self, option: int) -> bool:
        """Return whether `option` is in force, at either side."""
        return any(self._states.get((side, option)) in _IN_FORCE for side in Side)

    # What the peer says

    def receive(self, verb: Command, option: int) -> list[Event]:
        """Take in the peer's WILL, WONT, DO or DONT; return what has become of the option."""
        if option == Option.TIMING_MARK:
            if verb is Command.DO:
                self._answer_timing_mark()
            return []
        side = Side.LOCAL if verb in (Command.DO, Command.DONT) else Side.REMOTE
        is_yes = verb in (Command.DO, Command.WILL)
        before = self._states.get((side, option), _Q.NO)
        events: list[Event] = []
        if is_yes and before is _Q.NO:
            events.append(OptionRequested(side, option))
        if not is_yes and before in (_Q.WANT_YES, _Q.WANT_YES_THEN_NO):
            events.append(OptionRefused(side, option))
        after = self._settle(before, side, option, is_yes)
        if after is _Q.NO:
            self._states.pop((side, option), None)
        else:
            self._states[side, option] = after
        if (before in _IN_FORCE) != (after in _IN_FORCE):
            events.append(OptionChanged(side, option, after in _IN_FORCE))
        return events

    def begin_line(self) -> None:
        """Count timing marks anew: a person that types lines may press Ctrl-C for ever."""
        self._timing_marks = 0

    def _settle(self, before: _Q, side: Side, option: int, is_yes: bool) -> _Q:
        """Return the state after the peer's word on `option`, and answer it."""
        if is_yes and before is _Q.NO:
            return self._settle_request(side, option)
        after, answer = (_AFTER_YES if is_yes else _AFTER_NO)[before]
        if answer is not None:
            self._reply(side, option, agrees=answer)
        return after

    def _settle_request(self, side: Side, option: int) -> _Q:
        """Agree to what the peer asks for unasked, or refuse it once."""
        if option in (self._local if side is Side.LOCAL else self._remote):
            return _Q.YES if self._reply(side, option, agrees=True) else _Q.NO
        if (side, option) not in self._refused:
            self._refused |= {(side, option)}
            self._reply(side, option, agrees=False)
        return _Q.NO

    def _answer_timing_mark(self) -> None:
        """Refuse, every time (RFC 860): the answer itself is what the client waits for.

        Without it inetutils' telnet throws away all output for good after a Ctrl-C.
        """
        if not self._has_said_enough():
            self._timing_marks += 1
            self._say(Command.WONT, Option.TIMING_MARK)

    # Answers

    def take_output(self) -> bytes:
        """Return the bytes owed to the peer since the last call."""
        data, self._to_send = self._to_send, b""
        return data

    def _reply(self, side: Side, option: int, *, agrees: bool) -> bool:
        """Say it, unless too much was said; return whether it was."""
        if self._has_said_enough():
            return False
        self._replies += 1
        self._say(_VERBS[side, agrees], option)
        return True

    def _has_said_enough(self) -> bool:
        return self._replies + self._timing_marks >= MAX_REPLIES

    def _say(self, verb: Command, option: int) -> None:
        self._to_send += bytes((IAC, verb, option))
