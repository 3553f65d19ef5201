"""Serve one client at a terminal that came in through TLS."""

import contextlib

from threadchat.handlers.handler import ClientHandler
from threadchat.messages.format import render
from threadchat.messages.kinds import Problem
from threadchat.net.disconnect import Reason, reason_of
from threadchat.net.tls import HandshakeFailed, TlsTransport
from threadchat.net.transport import Transport, open_transport


class TlsClientHandler(ClientHandler):
    """Serves one client at the TLS port."""

    transport: TlsTransport

    def _open_transport(self) -> Transport:
        assert self.host.tls is not None
        return TlsTransport(open_transport(self.connection), self.host.tls)

    def _is_reached(self) -> bool:
        """Agree on keys with the client. Only the client's own thread waits for that."""
        try:
            self.transport.handshake()
        except HandshakeFailed as error:
            self.client.why = f"{Reason.NO_TLS}: {error}"
            if not error.spoke_tls:
                with contextlib.suppress(OSError):
                    self.transport.plain.send(render(Problem(_SPEAK_TLS), self.person.format))
            return False
        except OSError as error:
            self.client.why = reason_of(error)
            return False
        return True


_SPEAK_TLS = "This port speaks TLS, as openssl s_client and ncat --ssl do. Try the other port."
