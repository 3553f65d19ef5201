"""Servers on a LAN are found by name, as avahi and `threadchat find` elsewhere see them."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("zeroconf")

from tests.support.namespaces import (
    ADDRESS,
    BRIDGE,
    CONTAINER,
    HERE,
    THERE,
    Machines,
    Program,
    machines,
    why_not,
)
from tests.support.waiting import wait_until

WHY_NOT = why_not()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "they can be had"),
]

NEEDS_AVAHI = pytest.mark.skipif(
    any(shutil.which(it) is None for it in ("avahi-daemon", "avahi-browse", "dbus-daemon")),
    reason="avahi is not installed",
)


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Machines]:
    with machines(tmp_path) as made:
        yield made


class Judge:
    """What avahi on the other machine sees of a service."""

    def __init__(self, lan: Machines, service: str) -> None:
        self._lan = lan
        self._service = service
        self._daemon = lan.avahi(THERE, "judge")

    def watch(self) -> Program:
        """Have what comes and goes reported."""
        return self._lan.start(THERE, "avahi-browse", "-rp", self._service, **self._daemon)

    def seen(self) -> str:
        """Return what is there now, or what was there in the last seconds."""
        # Without a bound, it waits for ever for the address of a service that goes meanwhile.
        browse = ("timeout", "5", "avahi-browse", "-rpt", self._service)
        return self._lan.run(THERE, *browse, **self._daemon).stdout


def names_in(found: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return the names of the servers that `threadchat find` has printed."""
    return [line.partition(",")[0] for line in found.stdout.splitlines() if line[0] != " "]


def test_one_machine_finds_the_server_of_another_and_joins(lan: Machines) -> None:
    server = lan.serve(HERE)
    server.read_until("announced           threadchat on box, by name:")
    assert re.fullmatch(r" {4}http://threadchat\.local:\d+/", server.read_until("http://"))
    found = lan.find(THERE, "--seconds", "2")
    assert (found.returncode, found.stderr) == (0, "")
    name, *lines = found.stdout.splitlines()
    assert name.startswith("threadchat on box, version ")
    assert BRIDGE not in found.stdout
    lines = [line.strip() for line in lines]
    assert lines[0].startswith(f"http://{ADDRESS[HERE]}:")
    assert [line.split()[0] for line in lines[1:3]] == ["telnet", "nc"]
    assert lines[4:6] == [line.replace(ADDRESS[HERE], "fd77::1") for line in lines[1:3]]
    if shutil.which("nc"):
        for line in (lines[2], lines[5]):  # IPv4 and IPv6
            joined = lan.run(THERE, *shlex.split(line), typed="al\nhi\n/quit\n")
            assert "Welcome, al." in joined.stdout
            assert "=== Goodbye." in joined.stdout
    # A bridge for containers is no LAN: nobody behind it hears of the server.
    nobody = lan.find(CONTAINER, "--seconds", "2")
    assert nobody.returncode == 1
    assert nobody.stderr.count("\n") == 1
    assert nobody.stderr.startswith("threadchat find: no server has answered.")
    assert server.stop() == 0
    assert lan.find(THERE, "--seconds", "2").returncode == 1


def test_a_machine_in_no_lan_finds_nothing_and_says_so(lan: Machines) -> None:
    lan.ip(THERE, "link", "set", "eth0", "down")
    found = lan.find(THERE)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == "threadchat find: this machine is in no LAN now. Connect it to one.\n"
    server = lan.serve(THERE)
    words = "this server is not announced on the LAN: this machine has no address there"
    server.read_until(words)
    # It is as soon as there is a LAN.
    lan.ip(THERE, "link", "set", "eth0", "up")
    server.read_until("announced           threadchat on box")
    assert lan.find(HERE, "--seconds", "2").returncode == 0


@pytest.mark.parametrize("machine", [HERE, THERE])
def test_a_second_server_gets_another_name(lan: Machines, machine: str) -> None:
    lan.serve(HERE).read_until("announced           threadchat on box, by name:")
    second = lan.serve(machine)
    second.read_until("announced           threadchat on box (2), by name:")
    # The short name is the first one's.
    assert second.read_until("http://").startswith("    http://threadchat-2-on-box.local:")
    assert names_in(lan.find(THERE)) == ["threadchat on box", "threadchat on box (2)"]


def test_thousands_of_forged_servers_hide_no_real_one(lan: Machines) -> None:
    lan.serve(THERE).read_until("announced           threadchat on box, by name:")
    forger = (sys.executable, "-m", "tests.support.forgery", ADDRESS[HERE])
    lan.start(HERE, *forger).read_until("begins")
    for machine in (HERE, THERE):
        found = lan.find(machine)
        # None of the others accepts a connection.
        assert names_in(found) == ["threadchat on box"]
        assert (found.returncode, found.stderr) == (0, "")


def test_two_that_start_at_once_have_two_names(lan: Machines) -> None:
    servers = [lan.serve(HERE), lan.serve(THERE)]
    for server in servers:
        server.read_until("announced  ")
    # Both may have found the first name free. Then one of them gives way now, within some seconds,
    # and never both: somebody has the first name.
    names = ["threadchat on box", "threadchat on box (2)"]
    wait_until(
        lambda: names_in(lan.find(HERE, "--seconds", "2")) == names, "each has a name of its own"
    )


@NEEDS_AVAHI
class TestWithAvahi:
    def test_it_sees_the_server_come_change_and_go(self, lan: Machines) -> None:
        judge = Judge(lan, "_http._tcp")
        watch = judge.watch()
        server = lan.serve(HERE)
        line = watch.read_until(f";{ADDRESS[HERE]};")
        assert line.startswith("=;")
        for part in ("threadchat\\032on\\032box", '"path=/"', '"server=threadchat"'):
            assert part in line
        # Its address changes.
        lan.ip(HERE, "addr", "del", f"{ADDRESS[HERE]}/24", "dev", "eth0")
        lan.add_address(HERE, "eth0", "10.77.0.9/24")
        wait_until(lambda: ";10.77.0.9;" in judge.seen(), "the new address is announced")
        assert server.stop() == 0
        wait_until(lambda: judge.seen() == "", "the goodbye has come")
        assert BRIDGE not in "".join(watch.lines)

    def test_telnet_is_announced_as_well(self, lan: Machines) -> None:
        watch = Judge(lan, "_telnet._tcp").watch()
        lan.serve(HERE, "--web-port", "off")
        assert ";threadchat.local;" in watch.read_until('"server=threadchat"')

    def test_the_name_of_the_machine_is_printed_where_somebody_answers_for_it(
        self, lan: Machines
    ) -> None:
        lan.avahi(HERE, "box")
        server = lan.serve(HERE)
        server.read_until("announced           threadchat on box, by name:")
        assert re.fullmatch(r" {4}http://box\.local:\d+/", server.read_until("http://"))
        assert re.fullmatch(r" {4}http://threadchat\.local:\d+/", server.read_until("http://"))

    def test_the_short_name_stays_with_a_machine_that_has_it(self, lan: Machines) -> None:
        lan.avahi(THERE, "threadchat")
        server = lan.serve(HERE)
        server.read_until("announced           threadchat on box, by name:")
        way_in = server.read_until("http://")
        assert re.fullmatch(r" {4}http://threadchat-on-box\.local:\d+/", way_in)
