"""Serve one client who came in where TLS is spoken."""

import contextlib

from threadchat.handlers.handler import ClientHandler
from threadchat.messages.kinds import Problem
from threadchat.net.disconnect import Reason, reason_of
from threadchat.net.tls import HandshakeFailed, TlsWire
from threadchat.net.transport import AnyWire, open_wire
from threadchat.terminal.view import render


class TlsClientHandler(ClientHandler):
    """One client who came in where TLS is spoken."""

    wire: TlsWire

    def _open_wire(self) -> AnyWire:
        assert self.host.tls is not None
        return TlsWire(open_wire(self.connection), self.host.tls)

    def _is_reached(self) -> bool:
        """Agree on keys with the client, which ties up its own thread alone."""
        try:
            self.wire.handshake()
        except HandshakeFailed as error:
            self._why = f"{Reason.NO_TLS}: {error}"
            if not error.spoke_tls:
                with contextlib.suppress(OSError):
                    self.wire.plain.send(render(Problem(_SPEAK_TLS), self.person.view))
            return False
        except OSError as error:
            self._why = reason_of(error)
            return False
        return True


_SPEAK_TLS = "This port speaks TLS, as openssl s_client and ncat --ssl do. Try the other port."
