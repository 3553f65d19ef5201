"""A chat server for a LAN that everybody can already talk to, with telnet or netcat.

`python -m threadchat` runs it; `ChatServer` is the same for use from Python.
"""

from threadchat.server.chatserver import ChatServer

__all__ = ["ChatServer", "__version__"]

__version__ = "0.1.0"
