"""Test what happens at a console of Windows: it is closed, or somebody presses Ctrl-Break."""

import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.support.platform import UNDER_WINE
from threadchat.testing import DEADLINE, Client

if sys.platform != "win32":
    pytest.skip("there are no consoles of Windows here", allow_module_level=True)

CTRL_BREAK, CLOSE = 1, 2

PROGRAM = """
import ctypes, os, sys, threading
from threadchat.cli.main import main

def send():
    os.read(stdin, 1)
    # What the system starts in each process of a console for an event of that.
    ctypes.WinDLL("kernelbase").CtrlRoutine(ctypes.c_void_p(int(sys.argv[1])))

stdin, sys.stdin = os.dup(0), None
threading.Thread(target=send, daemon=True).start()
sys.exit(main(["--port", "0", "--host", "127.0.0.1"]))
"""


class Reached:
    """Where a server on this machine can be reached."""

    address_family: int = socket.AF_INET

    def __init__(self, port: int) -> None:
        self.server_address: Any = ("127.0.0.1", port)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(
            CTRL_BREAK,
            marks=pytest.mark.skipif(UNDER_WINE, reason="Wine 8 makes no SIGBREAK of Ctrl-Break"),
        ),
        CLOSE,
    ],
)
def test_promise_9_it_stops_cleanly(event: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(event)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    watchdog = threading.Timer(3 * DEADLINE, process.kill)
    watchdog.start()
    with process:
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            with Client(Reached(port), "al") as al:
                process.stdin.write("!")
                process.stdin.flush()
                assert al.expect_end().endswith("=== The server is stopping. Goodbye.\r\n")
            rest = process.stdout.read()
            assert process.wait(DEADLINE) == 0
        finally:
            watchdog.cancel()
            process.kill()
            watchdog.join()
    assert "server stopped" in rest
    assert "Traceback" not in rest
