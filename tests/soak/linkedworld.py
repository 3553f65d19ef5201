"""Three servers that are one, people at all of their doors, and the faults that befall them."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.soak.linkedjudge import Evidence, Line, Tag, Transcript, tag_of
from tests.soak.participant import Kind, Participant, Stage
from tests.soak.world import SoakFailed, pump
from tests.support.cuttingproxy import CuttingProxy
from tests.support.pages import Page
from tests.support.process import ServerProcess
from tests.support.redisserver import RedisServer

CLUSTER = "soak"

PATIENCE = 60.0
"""Seconds after which what is waited for counts as not happening."""

_WORDS = "hi there lunch? yes no Straße naïve 漢字 ok e=mc2 (really) --> <-- === :-)".split()


class PagePerson:
    """A person at a page, which has a thread of its own to read."""

    def __init__(self, web: Any, serial: int, name: str) -> None:
        self.serial, self.name, self.count = serial, name, 0
        self.page = Page(web, name)
        self.is_gone = False
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            while True:
                text = str(self.page.socket.recv())
                self.page.objects += map(json.loads, text.splitlines())
        self.is_gone = True

    def say(self, words: str) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            self.page.type(f"{self.serial}.{self.count + 1} {words}")
            self.count += 1

    def close(self) -> None:
        self.page.__exit__()
        self._thread.join()

    def transcript(self, server: int) -> Transcript:
        found = Transcript(self.serial, server, hears_itself=True)
        into = found.live
        for item in list(self.page.objects):
            match item["kind"]:
                case "replay_begins":
                    into = found.replay
                case "replay_ends":
                    into = found.live
                case "say" if (tag := tag_of(item["text"])) is not None:
                    into.append(tag)
        return found


@dataclass
class Seat:
    """A person, on a server, since the run of it that was the current one then."""

    one: Participant | PagePerson
    server: int
    run: int
    stayed: bool

    @property
    def is_here(self) -> bool:
        if isinstance(self.one, PagePerson):
            return not self.one.is_gone
        return self.one.stage is Stage.HERE

    def transcript(self) -> Transcript:
        one = self.one
        if isinstance(one, PagePerson):
            found = one.transcript(self.server)
        else:
            seen = [tag_of(line) for visit in one.visits for line in visit.seen]
            recalled = [
                tag_of(line) for visit in one.visits for it in visit.recalls for line in it.lines
            ]
            found = Transcript(
                one.serial,
                self.server,
                [it for it in seen if it is not None],
                [it for it in recalled if it is not None],
            )
        found.stayed, found.run = self.stayed and self.is_here, self.run
        return found


class Node:
    """One of the servers: it may be killed and started again, with the same history."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.runs = 0
        self.events: list[dict[str, Any]] = []
        self.shown: list[list[Line]] = []
        self.kept_at_kill: dict[int, list[Line]] = {}  # by run
        self.problems: list[str] = []
        self.start()

    def start(self) -> None:
        """Start it; what it logs begins anew."""
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir(parents=True)
        history = str(self.folder / "chat.db")
        self.process = ServerProcess(
            folder, "--flood", "off", "--history", history, "--link", f"{self.url}#{CLUSTER}",
            "--web-port", "0", "--no-announce",
        )  # fmt: skip
        self.shown.append([])
        self.events.clear()
        self.is_up = True

    def read(self) -> None:
        """Take what it has logged, if it runs."""
        if not self.is_up:
            return
        for record in self.process.log.new_records():
            if record["event"] == "say" and (tag := tag_of(record["text"])) is not None:
                self.shown[-1].append(Line(tag, record.get("epoch", ""), record.get("seq", 0)))
            elif record["event"] in ("bound", "linked", "unlinked", "trouble"):
                self.events.append(record)

    @property
    def web(self) -> Any:
        """What a page needs to know of it."""
        found = [it["address"] for it in self.events if "(browsers)" in it.get("address", "")]
        port = int(re.findall(r":(\d+) ", found[0])[0])
        return SimpleNamespace(web_listener=SimpleNamespace(server_address=("127.0.0.1", port)))

    @property
    def others(self) -> int:
        """With how many it is linked, by its log; -1 if it is not."""
        found = [it for it in self.events if it["event"] in ("linked", "unlinked")]
        return len(found[-1]["servers"]) if found and found[-1]["event"] == "linked" else -1

    def kill(self) -> None:
        """Kill it as a power cut does."""
        self.process._process.kill()
        self.process._process.wait()
        self.read()
        self.close()
        self.kept_at_kill[self.runs] = self.kept()

    def close(self) -> None:
        self.is_up = False
        self.problems += self.process.problems
        self.process.__exit__()

    def kept(self) -> list[Line]:
        """Return what its history has."""
        lines = subprocess.run(
            [sys.executable, "-m", "threadchat", "export", str(self.folder / "chat.db"),
             "--format", "jsonl"],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        found = []
        for record in map(json.loads, lines):
            tag = tag_of(record.get("text", ""))
            if tag is not None:
                found.append(Line(tag, record.get("epoch", ""), record.get("seq", 0)))
        return found


class LinkedWorld:
    """Servers, their broker, and the people on them. `number` is how many servers there are."""

    def __init__(self, folder: Path, broker: RedisServer, seed: int, number: int = 3) -> None:
        self.broker = broker
        self.random = Random(seed)
        self.proxy = CuttingProxy(broker.port)
        urls = [broker.url] * (number - 1) + [f"redis://127.0.0.1:{self.proxy.port}/0"]
        self.nodes = [Node(folder / str(n), url) for n, url in enumerate(urls)]
        self.seats: list[Seat] = []
        self.gone: list[Seat] = []
        self.excused: dict[Tag, int] = {}
        self.said: dict[int, list[Tag]] = {n: [] for n in range(number)}
        self._serials = count(1)

    def close(self) -> None:
        for seat in self.seats:
            seat.one.close()
        for node in self.nodes:
            node.close()
        self.proxy.close()

    def pump(self, seconds: float = 0.005) -> None:
        """Send and receive what can be."""
        terminals = [it.one for it in self.seats if isinstance(it.one, Participant)]
        pump(terminals, seconds)
        for node in self.nodes:
            node.read()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise SoakFailed(f"waited in vain until {what}")
            self.pump()

    def wait_until_linked(self) -> None:
        """Wait until each server knows of all others."""
        number = len(self.nodes) - 1
        self.wait_until(
            lambda: all(it.others == number for it in self.nodes),
            "all are linked: " + str([it.events[-3:] for it in self.nodes]),
        )

    def come(self, server: int, *, stayed: bool = False) -> None:
        """Let a person come to a server by one of its doors."""
        node, serial = self.nodes[server], next(self._serials)
        name = f"n{serial}x{server}"
        one: Participant | PagePerson
        if self.random.random() < 0.2:
            one = PagePerson(node.web, serial, name)
        else:
            (kind,) = self.random.choices(list(Kind), [5, 3, 2])
            one = Participant(node.process, serial, name, kind, Random(serial))
            if kind is Kind.KEYS:
                one.outgoing += b"\xff\xfd\x01\xff\xfd\x03"  # DO ECHO, DO SGA
            one.type(name)
        self.seats.append(Seat(one, server, node.runs, stayed))

    def gather(self, people: int) -> None:
        """Let so many people come, and wait until all are there."""
        self.wait_until(lambda: all(it.events for it in self.nodes), "all have begun")
        self.wait_until_linked()
        for number in range(people):
            self.come(number % len(self.nodes), stayed=True)
        self.wait_until(lambda: all(it.is_here for it in self.seats), "all are here")

    def talk(self) -> None:
        """Let somebody say something."""
        seat = self.random.choice(self.seats)
        if seat.is_here:
            seat.one.say(" ".join(self.random.choices(_WORDS, k=self.random.randint(1, 12))))
            tag = (seat.one.serial, seat.one.count)
            if tag not in self.said[seat.server][-1:]:
                self.said[seat.server].append(tag)

    def end_server(self, server: int, *, kills: bool) -> int:
        """End a server; return how many people were on it."""
        node = self.nodes[server]
        if kills:
            node.kill()
            # What a killed server had not sent is lost, as when it is a lone one.
            self.excused.update(dict.fromkeys(self.said[server], server))
        else:
            node.process._process.send_signal(signal.SIGINT)
            self.wait_until(lambda: not node.process.is_running(), f"server {server} stops")
            node.read()
            node.close()
        thrown_out = [it for it in self.seats if it.server == server]
        for seat in thrown_out:
            if isinstance(seat.one, Participant):
                while seat.one.stage is not Stage.GONE:
                    seat.one.receive()
            seat.one.close()
            self.seats.remove(seat)
            self.gone.append(seat)
        return len(thrown_out)

    def start_server(self, server: int, people: int) -> None:
        """Start a server again, and let so many people come in anywhere."""
        node = self.nodes[server]
        node.start()
        self.wait_until(lambda: len(node.events) >= 2, f"server {server} is there again")
        self.come(server)
        for _ in range(people - 1):
            self.come(self.random.randrange(len(self.nodes)))

    def settle(self) -> None:
        """Wait until all is linked and everybody has seen the last line of each server."""
        self.wait_until_linked()
        self.wait_until(
            lambda: all(it.is_here for it in self.seats),
            f"all are here, but for {[s.one.name for s in self.seats if not s.is_here]}",
        )
        fences = []
        for server in range(len(self.nodes)):
            seat = next(it for it in self.seats if it.server == server)
            seat.one.say("fence")
            fences.append((seat.one.serial, seat.one.count))
            self.said[server].append(fences[-1])

        def have_seen() -> bool:
            for seat in self.seats:
                live = set(seat.transcript().live)
                if any(tag not in live and tag[0] != seat.one.serial for tag in fences):
                    return False
            return True

        self.wait_until(have_seen, f"everybody has seen {fences}")

    def evidence(self) -> Evidence:
        """Stop the servers, and return what is to be compared."""
        for node in self.nodes:
            node.read()
        transcripts = [it.transcript() for it in self.seats + self.gone]
        for node in self.nodes:
            status = node.process.stop()
            if status:
                node.problems.append(f"it stopped with {status}")
            node.read()
        return Evidence(
            {n: node.shown for n, node in enumerate(self.nodes)},
            {n: node.kept() for n, node in enumerate(self.nodes)},
            self.said,
            self.excused,
            transcripts,
            {
                (n, run): kept
                for n, node in enumerate(self.nodes)
                for run, kept in node.kept_at_kill.items()
            },
        )

    @property
    def problems(self) -> list[str]:
        """What the servers have complained of, islands left aside."""
        for node in self.nodes:
            if node.is_up:
                node.problems += node.process.problems
                node.process.problems.clear()
        return [it for node in self.nodes for it in node.problems]
