"""The README's programs that speak: run as they stand there, but for addresses and ports."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import run_server
from threadchat import ChatServer
from threadchat.cli.browsers import hook_addresses
from threadchat.console.hooks import add_hook_commands
from threadchat.console.operator import Operator
from threadchat.testing import DEADLINE, Client

if sys.platform == "win32":
    pytest.skip("Windows has neither sh nor netcat", allow_module_level=True)

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

SHELL = dict(re.findall(r"^<!-- ([^\n]*) -->\n```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
"""The scripts of the README by what they do."""

NETCATS = [
    pytest.param(path, marks=[] if shutil.which(path) else pytest.mark.skip("it is not installed"))
    for path in ("nc", "nc.openbsd", "nc.traditional", "ncat")
]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        yield server


def placed(script: str, server: ChatServer) -> str:
    """Return `script` with the ports of `server` on this machine in place of the README's."""
    assert server.web_listener is not None
    web = server.web_listener.server_address[1]
    return (
        script.replace("192.168.1.7 8000", f"127.0.0.1 {server.server_address[1]}")
        .replace("192.168.1.7:8080", f"127.0.0.1:{web}")
        .replace("curl ", "curl -sS --noproxy '*' ")
    )


@pytest.mark.parametrize("netcat", NETCATS)
def test_netcat_says_a_line_and_leaves(server: ChatServer, netcat: str) -> None:
    script = placed(SHELL["says a line"], server).replace("nc ", f"{netcat} ", 1)
    with Client(server, "al") as al:
        run = subprocess.run(["sh", "-ec", script], capture_output=True, timeout=3 * DEADLINE)
        assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
        al.expect("--> cron joined")
        al.expect("cron: the backup is done\r\n")
        al.expect("<-- cron left")


@pytest.mark.parametrize("netcat", NETCATS[:1])
def test_it_leaves_too_where_somebody_has_its_name(server: ChatServer, netcat: str) -> None:
    with Client(server, "cron"):
        script = placed(SHELL["says a line"], server)
        run = subprocess.run(["sh", "-ec", script], capture_output=True, timeout=3 * DEADLINE)
        assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_posts_to_the_hook_that_the_operator_made(server: ChatServer) -> None:
    shown: list[object] = []
    operator = Operator(server.chat, server.commands, shown.append)
    add_hook_commands(operator, lambda token: hook_addresses(server, token))
    (typed,) = re.findall(r"^operator> (hook add .*)$", README, re.MULTILINE)
    operator.obey(typed)
    (said,) = re.findall(r"^(=== ci says in .*)$", README, re.MULTILINE)
    assert str(shown[0]) == said
    url = str(shown[1]).strip()
    script = placed(SHELL["posts"], server)
    script = re.sub(r"http://\S+", url, script)
    with Client(server, "al") as al:
        al.type("/join games")
        al.expect("You are in games.")
        run = subprocess.run(["sh", "-ec", script], capture_output=True, timeout=3 * DEADLINE)
        assert (run.returncode, run.stdout, run.stderr) == (0, b"ok", b"")
        al.expect("ci: build 512 failed\r\n")


@contextlib.contextmanager
def bot_in_shell(server: ChatServer, netcat: str, folder: Path) -> Iterator[None]:
    """Run the bot in shell; it is to end by itself, without an error and without a file left."""
    script = placed(SHELL["answers"], server).replace("nc ", f"{netcat} ", 1)
    bot = subprocess.Popen(
        ["sh", "-ec", script], cwd=folder, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
        assert bot.communicate(timeout=DEADLINE)[1] == b""
        assert bot.returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(bot.pid, signal.SIGKILL)
        bot.communicate()
    assert not any(folder.iterdir())


@pytest.mark.parametrize("netcat", NETCATS)
def test_a_bot_in_shell_answers(server: ChatServer, netcat: str, tmp_path: Path) -> None:
    with Client(server, "al") as al:
        with Client(server, "bo") as bo:
            bo.type("!time before it came")
            al.expect("bo: !time before it came")
        with bot_in_shell(server, netcat, tmp_path):
            al.expect("--> clock joined")
            for _ in range(2):
                al.type("!time, please")
                assert "clock: bo: " not in al.expect("clock: al: it is ")
            al.type("what is the !time")
            al.type("!time")
            al.expect("clock: al: it is ")
            server.stop()


@pytest.mark.parametrize("netcat", NETCATS)
@pytest.mark.parametrize("deed", ["kick", "ban"])
def test_a_bot_in_shell_ends_when_an_operator_ends_it(
    server: ChatServer, netcat: str, deed: str, tmp_path: Path
) -> None:
    with Client(server, "al") as al, bot_in_shell(server, netcat, tmp_path):
        al.expect("--> clock joined")
        al.type("!time")
        al.expect("clock: al: it is ")
        Operator(server.chat, server.commands, lambda shown: None).obey(f"{deed} clock")
        al.expect("<-- clock left")
