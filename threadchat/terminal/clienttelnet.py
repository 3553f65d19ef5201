"""Say which telnet options we ask a client for, and which ones we agree to.

Echo (RFC 857) with SGA (858) is character mode; the window's size (NAWS, 1073) and the terminal
type (1091) help to draw. BINARY (856) keeps a telnet from taking a part of a letter for a key of
its own. `ClientTerminal` decides when to ask.
"""

from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetprotocol import Command, Option, Side

# One object each for all clients.
_OPTIONS_OF_OURS = frozenset({Option.ECHO, Option.SGA, Option.CHARSET})
_OPTIONS_OF_CLIENTS = frozenset(
    {Option.BINARY, Option.SGA, Option.NAWS, Option.TTYPE, Option.CHARSET}
)

# Telnets of the BSD family, in line mode, look for their keys without the highest bit. So they take
# 83 in a letter for Ctrl-C, and send IAC IP in its place. After DO BINARY they look at all bits.
_BYTES_OF_SIGNALS = {
    Command.IP: 0x83,  # Ctrl-C
    Command.EOF: 0x84,  # Ctrl-D
    Command.EC: 0x88,  # Ctrl-H
    Command.AO: 0x8F,  # Ctrl-O
    Command.AYT: 0x94,  # Ctrl-T
    Command.EL: 0x95,  # Ctrl-U
    Command.SUSP: 0x9A,  # Ctrl-Z
    Command.BRK: 0x9C,  # Ctrl-Backslash
    Command.ABORT: 0x9C,
}


def byte_of(command: Command) -> int | None:
    """Return the byte of a letter that a telnet may have taken for the key of `command`."""
    return _BYTES_OF_SIGNALS.get(command)


class ClientTelnet(TelnetParser):
    """The telnet of one client, with what character mode asks for.

    ECHO and SGA are asked for together, always: SGA alone leaves Unix telnets echoing key by key,
    and ECHO alone is for passwords.
    """

    __slots__ = ("_asked_for_binary", "_asked_for_type")

    def __init__(self) -> None:
        super().__init__(local=_OPTIONS_OF_OURS, remote=_OPTIONS_OF_CLIENTS)
        self._asked_for_binary = self._asked_for_type = False

    def ask_for_echo(self) -> None:
        """Ask the client to send each key and let us echo."""
        self.enable(Side.LOCAL, Option.ECHO)
        self.enable(Side.LOCAL, Option.SGA)

    def end_echo(self) -> None:
        """Give the echo back to the client, which then sends whole lines again."""
        self.disable(Side.LOCAL, Option.ECHO)
        self.disable(Side.LOCAL, Option.SGA)

    def ask_for_binary(self) -> None:
        """Ask the client, once, to send all bytes as they are.

        Enter then sends a CR or a LF alone. Our side stays as it is: in binary output, a telnet of
        the BSD family no longer draws line ends right.
        """
        if not self._asked_for_binary:
            self._asked_for_binary = True
            self.enable(Side.REMOTE, Option.BINARY)

    def ask_for_type(self) -> None:
        """Ask for the terminal type, once, if the client has agreed to tell it."""
        if not self._asked_for_type and self.is_in_force(Option.TTYPE):
            self._asked_for_type = True
            self.subnegotiate(Option.TTYPE, b"\x01")
