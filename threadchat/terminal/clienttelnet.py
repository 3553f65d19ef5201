"""Say which telnet options we ask a client for, and which ones we agree to.

Echo (RFC 857) with SGA (858) is character mode; the window's size (NAWS, 1073) and the terminal
type (1091) help to draw. `ClientTerminal` decides when to ask.
"""

from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetprotocol import Option, Side

# One object each for all clients.
_OPTIONS_OF_OURS = frozenset({Option.ECHO, Option.SGA, Option.CHARSET})
_OPTIONS_OF_CLIENTS = frozenset({Option.SGA, Option.NAWS, Option.TTYPE, Option.CHARSET})


class ClientTelnet(TelnetParser):
    """The telnet of one client, with what character mode asks for.

    ECHO and SGA are asked for together, always: SGA alone leaves Unix telnets echoing key by key,
    and ECHO alone is for passwords.
    """

    __slots__ = ("_asked_for_type",)

    def __init__(self) -> None:
        super().__init__(local=_OPTIONS_OF_OURS, remote=_OPTIONS_OF_CLIENTS)
        self._asked_for_type = False

    def ask_for_echo(self) -> None:
        """Ask the client to send each key and let us echo."""
        self.enable(Side.LOCAL, Option.ECHO)
        self.enable(Side.LOCAL, Option.SGA)

    def end_echo(self) -> None:
        """Give the echo back to the client, which then sends whole lines again."""
        self.disable(Side.LOCAL, Option.ECHO)
        self.disable(Side.LOCAL, Option.SGA)

    def ask_for_type(self) -> None:
        """Ask for the terminal type, once, if the client has agreed to tell it."""
        if not self._asked_for_type and self.is_in_force(Option.TTYPE):
            self._asked_for_type = True
            self.subnegotiate(Option.TTYPE, b"\x01")
