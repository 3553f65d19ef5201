"""A port that a program started by a test can have."""

import contextlib
import random
import socket

_PORTS = range(21_000, 32_000)
"""Below the ports that systems hand out: those another test may get at any moment."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens at."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
