"""Do what the program in `load` does, from the same command line, where it cannot be compiled.

It is slower by far: with many clients it measures itself as much as the server, which
`entry_generator_cpu` and `generator_cpu` in its result give away.
"""

import argparse
import json
import math
import os
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.frames import Incoming, pong_frame, text_frame

_MESSAGE = re.compile(rb"~(\d{5}) (\d{6}) (\d{13}) ")
_TAIL = 64
"""Bytes kept of what was received: more than what is looked at of a message, or an EXPECT."""

_QUIET = 0.2
_DEFAULTS = {
    "port": 0,
    "web-port": 0,
    "clients": 20,
    "guests": 0,
    "talkers": -1,
    "window": 1,
    "rate": 0,
    "rooms": 1,
    "seconds": 2,
    "warmup": 0.5,
    "waiting": 100,
    "deadline": 60,
    "pid": 0,
    "watchers": 8,
    "pingpong": 0,
}
"""The options, which `load/plan.h` explains. More than 100 waiting fill Windows' own queue."""


class Failure(Exception):
    """Say in one line why there is no result."""


class Kind:
    """A kind of client; see `tests.benchmarks.protocol`."""

    def __init__(self, option: str, words: Sequence[str]) -> None:
        self.is_websocket = option == "--websocket"
        self.before, self.after, *steps = [
            word.encode().decode("unicode_escape").encode("latin-1") for word in words
        ]
        self.steps = list(zip(steps[::2], steps[1::2], strict=True))


class Client:
    """One client: its way in, what it may say, and what it has received."""

    def __init__(self, number: int, kind: Kind, options: argparse.Namespace) -> None:
        self.number = number
        self.kind = kind
        self.is_guest = number >= options.clients - options.guests
        self.incoming: Incoming | None = None
        """The frames that come in, once it speaks WebSocket."""
        self.room = number % options.rooms
        self.credits = options.window if number < options.talkers else 0
        self.is_greeted = False
        self.step = 0
        self.said = 0
        self.said_at = 0
        self.received = 0
        self.order: list[tuple[int, int]] = []
        """What the watchers can compare: who said which message, in the order they came."""
        self.sequence: Counter[int] = Counter()
        self.tail = b""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        port = options.web_port if kind.is_websocket and options.web_port else options.port
        self.socket.connect_ex(("127.0.0.1", port))

    def send(self, words: bytes) -> None:
        words = words.replace(b"%n", b"u%05d" % self.number).replace(b"%r", b"%d" % self.room)
        words = words.replace(b"%i", b"%d" % (self.said + 1))
        if words:
            self._send(words if self.incoming is None else text_frame(words))

    def _send(self, data: bytes) -> None:
        if self.socket.send(data) != len(data):
            raise Failure(f"client {self.number} cannot send")

    def take_frames(self, data: bytes) -> bytes:
        """Return what is kept of the input and `data` behind it, without the heads of frames."""
        before = self.tail
        if self.incoming is None:
            head, end, data = (before + data).partition(b"\r\n\r\n")
            if not end:
                return head
            before, self.incoming = head + end, Incoming()
        try:
            words = self.incoming.take_heads(data)
        except ValueError as error:
            raise Failure(f"the server sent client {self.number} {error}") from None
        for _ in range(self.incoming.pings):
            self._send(pong_frame())
        self.incoming.pings = 0
        return before + words

    def speak(self, most: int, now: int) -> int:
        """Say what its window allows, up to `most` messages; return how many that was.

        Each with a system call of its own: a person's Enter sends one line.
        """
        count = max(0, min(self.credits, most))
        for _ in range(count):
            message = b"~%05d %06d %013d " % (self.number, self.said % 10**6, now)
            self.send(self.kind.before + message.ljust(40, b".") + self.kind.after)
            self.said += 1
            self.said_at = now
        self.credits -= count
        return count

    def take_steps(self, data: bytes) -> bytes:
        """Go as far on the way in as `data` allows; return what is left of it."""
        while self.step < len(self.kind.steps):
            expect, words = self.kind.steps[self.step]
            before, found, rest = data.partition(expect) if expect else (b"", b"", data)
            if expect and not found:
                return before[-_TAIL:]
            data = rest
            self.step += 1
            self.send(words)
        return data

    @property
    def is_in(self) -> bool:
        return self.step == len(self.kind.steps)


class Load:
    """All the clients, and what they have seen so far."""

    def __init__(self, options: argparse.Namespace, kinds: Sequence[Kind]) -> None:
        self.options = options
        self._kinds = kinds
        self._selector = selectors.DefaultSelector()
        self.clients: list[Client] = []
        self.delivered_to_guests = 0
        self._begin = time.perf_counter_ns()
        self._last_input = 0
        self.bytes = self.said = self.delivered = self._greeted = self._entered = 0
        self._is_talking = False
        self.measured_from = sys.maxsize
        self.latencies: list[int] = []
        self._is_out_of_order = False

    def now(self) -> int:
        """Return the time in nanoseconds since the beginning."""
        return time.perf_counter_ns() - self._begin

    def enter(self) -> None:
        """Connect everybody, as fast as they are let in, and wait until all are."""
        for number in range(self.options.clients):
            while number - self._greeted >= self.options.waiting:
                self._turn(1.0)
            client = Client(number, self._kind_of(number), self.options)
            self.clients.append(client)
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.register(client.socket, both, client)
        while self._entered < len(self.clients):
            self._turn(1.0)

    def _kind_of(self, number: int) -> Kind:
        guests: int = self.options.guests
        if number >= self.options.clients - guests:
            return self._kinds[-1]
        return self._kinds[number % (len(self._kinds) - (guests > 0))]

    @property
    def frames(self) -> int:
        """How many frames have come in."""
        return sum(it.incoming.texts for it in self.clients if it.incoming is not None)

    def settle(self) -> None:
        """Wait until nothing more comes."""
        while (left := _QUIET - (self.now() - self._last_input) / 1e9) > 0:
            self._turn(left)

    def talk(self, seconds: float) -> None:
        """Talk as the windows allow, or one after the other at the rate asked for."""
        begin, ticks, rate = self.now(), 0, self.options.rate
        while (elapsed := (self.now() - begin) / 1e9) < seconds:
            while rate and ticks / rate <= elapsed:
                talker = self.clients[ticks % self.options.talkers]
                self.said += talker.speak(1, self.now())
                ticks += 1
            self._turn(min(seconds, ticks / rate if rate else seconds) - elapsed)

    def begin_to_talk(self) -> None:
        """Let clients say what their windows allow; with ping and pong the second client waits."""
        self._is_talking = True
        if self.options.pingpong:
            self.clients[1].credits = 0
        for client in self.clients if not self.options.rate else ():
            self.said += client.speak(client.credits, self.now())

    def finish(self) -> None:
        """Say nothing more, and wait for all that was said."""
        self._is_talking = False
        while sum(self.missing()) > 0:
            self._turn(1.0)
        self.settle()

    def missing(self) -> Iterator[int]:
        """Yield how many messages are still to come for each client; below 0, came too often."""
        said = Counter[int]()
        for client in self.clients:
            said[client.room] += client.said
        return (said[it.room] - it.said - it.received for it in self.clients)

    def is_one_order(self) -> bool:
        """Return whether all who were watched in a room saw the same order."""
        watched = self.clients[: self.options.watchers]
        rooms = self.options.rooms
        return not self._is_out_of_order and all(
            later.order == earlier.order
            for earlier, later in zip(watched, watched[rooms:], strict=False)
        )

    def close(self) -> None:
        for client in self.clients:
            client.socket.close()
        self._selector.close()

    def _turn(self, seconds: float) -> None:
        for key, events in self._selector.select(max(0.0, seconds)):
            client: Client = key.data
            if events & selectors.EVENT_WRITE:  # connected: kinds that speak first do so now
                self._selector.modify(client.socket, selectors.EVENT_READ, client)
                client.take_steps(b"")
            if events & selectors.EVENT_READ:
                self._take(client)
            if self._is_talking and not self.options.rate:
                for speaker in (client, self._predecessor(client)):
                    self.said += speaker.speak(speaker.credits, self.now())
        if self.now() > self.options.deadline * 1e9:
            raise Failure(
                f"not done after {self.options.deadline:g} s: {self._entered} of"
                f" {self.options.clients} are in, {self.said} said, {self.delivered} delivered"
            )

    def _predecessor(self, client: Client) -> Client:
        """Return the client before this one in their room, whose messages it acknowledges."""
        number, step = client.number, int(self.options.rooms)
        last = number + (len(self.clients) - 1 - number) // step * step
        return self.clients[number - step if number >= step else last]

    def _take(self, client: Client) -> None:
        try:
            data = client.socket.recv(256 * 1024)
        except OSError as error:
            raise Failure(f"the server has ended client {client.number}: {error}") from None
        if not data:
            raise Failure(f"the server has ended client {client.number}: closed")
        self._greeted += not client.is_greeted
        client.is_greeted = True
        self.bytes += len(data)
        self._last_input = self.now()
        was_in = client.is_in
        data = client.take_frames(data) if client.kind.is_websocket else client.tail + data
        left = client.take_steps(data)
        if client.is_in:
            self._entered += not was_in
            left = self._take_messages(client, left)
        client.tail = left

    def _take_messages(self, client: Client, data: bytes) -> bytes:
        before = self._predecessor(client)
        end = 0
        for message in _MESSAGE.finditer(data):
            end = message.end()
            sender, sequence, said_at = map(int, message.groups())
            if sender == client.number:
                continue
            client.received += 1
            self.delivered += 1
            self.delivered_to_guests += client.is_guest
            if sender == before.number:
                (client if self.options.pingpong else before).credits += 1
            if client.number < self.options.watchers:
                self._watch(client, sender, sequence, said_at)
        return data[max(end, len(data) - _TAIL) :]

    def _watch(self, client: Client, sender: int, sequence: int, said_at: int) -> None:
        self._is_out_of_order |= sequence != client.sequence[sender]
        client.sequence[sender] = (sequence + 1) % 10**6
        if sender >= self.options.watchers:
            client.order.append((sender, sequence))
        if self.options.pingpong:
            said_at = client.said_at if client.number == 0 else -1  # there and back
        if said_at >= self.measured_from:
            self.latencies.append((self._last_input - said_at) // 1000)


def percentile(values: Sequence[int], percent: float) -> int:
    """Return the value that `percent` of the sorted `values` do not exceed (nearest rank)."""
    return values[max(0, math.ceil(percent * len(values) / 100) - 1)] if values else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load that the command line asks for, and print the result."""
    options, kinds = _parse(sys.argv[1:] if argv is None else argv)
    load = Load(options, kinds)
    try:
        print(json.dumps(_run(load, options)))
    except Failure as failure:
        print(f"loadgen: {failure}", file=sys.stderr)
        return 1
    finally:
        load.close()
    return 0


def _parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[Kind]]:
    words = list(argv)
    kinds: list[Kind] = []
    begins = [at for at, word in enumerate(words) if word in ("--kind", "--websocket")]
    for begin in reversed(begins):
        kinds.insert(0, Kind(words[begin], words[begin + 1 :]))
        del words[begin:]
    parser = argparse.ArgumentParser(prog="loadgen", allow_abbrev=False)
    for name, default in _DEFAULTS.items():
        whole = name not in ("rate", "seconds", "warmup", "deadline")
        parser.add_argument(f"--{name}", type=int if whole else float, default=default)
    options = parser.parse_args(words)
    if not kinds or not options.port:
        parser.error("needs a --port and a --kind")
    measured = options.clients - options.guests
    if options.talkers < 0:
        options.talkers = measured
    options.watchers = min(options.watchers, measured)
    return options, kinds


def _run(load: Load, options: argparse.Namespace) -> dict[str, float]:
    before = _resident_kilobytes(options.pid)
    begin = _clocks(load, options)
    load.enter()
    seconds, server, generator = _between(begin, _clocks(load, options))
    result = {
        "clients": options.clients,
        "entry_seconds": seconds,
        "entry_bytes": load.bytes,
        "entry_server_cpu": server,
        "entry_generator_cpu": generator,
        "kilobytes_before": before,
    }
    load.settle()
    result["kilobytes_after"] = _resident_kilobytes(options.pid)
    if options.seconds:
        result |= _measure_talk(load, options)
    return result


def _measure_talk(load: Load, options: argparse.Namespace) -> dict[str, float]:
    def count() -> tuple[int, int, int]:
        return load.said, load.delivered - load.delivered_to_guests, load.frames

    load.begin_to_talk()
    load.talk(options.warmup)
    load.measured_from = load.now()
    begin, counts = _clocks(load, options), count()
    load.talk(options.seconds)
    seconds, server, generator = _between(begin, _clocks(load, options))
    said, delivered, frames = (end - first for end, first in zip(count(), counts, strict=True))
    load.finish()
    load.latencies.sort()
    missing = list(load.missing())
    return {
        "seconds": seconds,
        "said": said,
        "delivered": delivered,
        "frames": frames,
        "server_cpu": server,
        "generator_cpu": generator,
        "samples": len(load.latencies),
        "p50_us": percentile(load.latencies, 50),
        "p99_us": percentile(load.latencies, 99),
        "slowest_us": percentile(load.latencies, 100),
        "missing": sum(missing),
        "wrong": sum(map(bool, missing)),
        "one_order": load.is_one_order(),
    }


Clocks = tuple[float, float, float]
"""The time, and the processor time that the server and this have used, in seconds."""


def _clocks(load: Load, options: argparse.Namespace) -> Clocks:
    return load.now() / 1e9, _processor_seconds(options.pid), time.process_time()


def _between(begin: Clocks, end: Clocks) -> Clocks:
    """Return what has passed; -1 for the server's processor time if that is unknown."""
    is_known = begin[1] >= 0 and end[1] >= 0
    return end[0] - begin[0], end[1] - begin[1] if is_known else -1.0, end[2] - begin[2]


def _resident_kilobytes(pid: int) -> int:
    """Return the memory a process has, or -1 where that cannot be read."""
    if sys.platform != "linux":
        return -1
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return -1
    found = re.search(r"VmRSS:\s*(\d+)", status)
    return int(found[1]) if found else -1


def _processor_seconds(pid: int) -> float:
    """Return the processor time a process has used, or -1 where that cannot be read."""
    if sys.platform != "linux":  # Wine shows programs for Windows the processes of Linux there
        return -1.0
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
