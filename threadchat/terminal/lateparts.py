"""Make the parts of a client's terminal that plain lines do without when something else comes.

Most clients send whole lines of ASCII, and never anything else. So each of them is spared a parser
for telnet and a decoder. When these are made makes no difference to what they do.
"""

from threadchat.terminal.clienttelnet import ClientTelnet
from threadchat.text.decoder import Decoder


class LateParts:
    """The telnet and the decoder of one client, each made when it is first asked for.

    `fallback` is the encoding of a client that sends no UTF-8.
    """

    __slots__ = ("_fallback", "_has_begun_plain", "_made_decoder", "_made_telnet")

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._has_begun_plain = False
        self._made_decoder: Decoder | None = None
        self._made_telnet: ClientTelnet | None = None

    @property
    def _telnet(self) -> ClientTelnet:
        if self._made_telnet is None:
            self._made_telnet = ClientTelnet()
        return self._made_telnet

    @property
    def _decoder(self) -> Decoder:
        if self._made_decoder is None:
            self._made_decoder = Decoder(self._fallback)
            self._made_decoder.holds_lines = True
            if self._has_begun_plain:
                self._made_decoder.skip()
        return self._made_decoder

    def _begin_plain(self) -> None:
        """Note that the client has begun with a line of ASCII, which the decoder was not given."""
        self._has_begun_plain = True
        if self._made_decoder is not None:
            self._made_decoder.skip()

    @property
    def speaks_telnet(self) -> bool:
        """Whether the client has sent a telnet command."""
        return self._made_telnet is not None and self._made_telnet.speaks_telnet

    def _take_owed(self) -> bytes:
        """Return the telnet commands that are to be sent."""
        return b"" if self._made_telnet is None else self._made_telnet.data_to_send()
