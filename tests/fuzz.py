"""Talk nonsense to a running server, many at once: `python -m tests.fuzz --minutes 10`.

Each stranger sends a conversation of random bytes, telnet commands, keys, texts and commands from
the registry, cut at random, and goes in any way. Meanwhile two well-behaved people talk, and must
be served as ever and sent nothing that is unsafe. After each round the server must have no more
threads and descriptors than after the third, when its database's caches are full, and what it has
in use of memory must not grow with the number of strangers.
"""

import argparse
import contextlib
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path
from random import Random, randrange
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.support.clients import Client, reset
from tests.support.process import Figures, InUse, ServerProcess
from threadchat.commands.builtin import make_registry
from threadchat.net.disconnect import Reason
from threadchat.testing import DEADLINE
from threadchat.text.clean import UNSAFE_CHARACTER

OP_PASSWORD = "only for those in charge"

FULL_AFTER = 3
"""After so many rounds the server's caches are full, those of its database among them."""

REFERENCES = 2500
REFERENCES_A_STRANGER = 0.1
"""By how many references the server may grow from then on, in all and for each stranger.

If anything is kept of each stranger, there is at least one reference more for each. So a leak of
one object for each that is served, as some are refused, is found after some 6,000 strangers.
"""

BYTES_OF_C = 4 * 1024 * 1024
"""By how many bytes what is in larger pieces, or the database's, may grow from then on."""

COMMANDS = make_registry()

_NAMES = [f"f{letter}" for letter in "abdeghkpstuxyz"]
_ADDRESSES = [f"127.0.0.{number}" for number in range(2, 40)]
_ENDS = [b"\n", b"\r\n", b"\r\0", b"\r"]
_TEXTS = [
    "hi", "漢字", "👍", "\u202eevil", "e" + 6 * "\u0301", "\x1b[2J\x1b]0;x\x07",
    "\u009b31m", "\u2028", "[red]no[/red]", "--> al joined (9 here)", "al: forged", " " * 200,
    "\u200b", "a" * 5000, "//", "/", "%s%n", "\ud800", "\x00", "ｆａ", "ſ", "al", "bo",
]  # fmt: skip
_KEYS = [
    b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[3~", b"\x1bOP", b"\x1b[200~",
    b"\x1b", b"\x1b[", b"\t", b"\t\t", b"\b", b"\x7f", b"\1", b"\5", b"\v", b"\x15", b"\x17", b"\3",
    b"\f",
]  # fmt: skip
_LINE = re.compile(
    r"Hello from threadchat!.*|(Your name: )?(Welcome, .*"
    r"|(=== |!!! |--> |<-- |--- |\* |\[).*|\S+: .*)"
)


class Plan(NamedTuple):
    """For how long to go on, with how many at once and how many in each round.

    It ends after so many `rounds`, or with the one after so many `minutes`.
    """

    seed: int
    minutes: float = float("inf")
    rounds: float = float("inf")
    at_once: int = 50
    a_round: int = 1500


# What strangers say


class Conversation:
    """Everything that one stranger sends, in pieces; `used` counts what these are."""

    def __init__(self, random: Random, used: Counter[str]) -> None:
        self._random, self._used = random, used
        self.is_operator = random.random() < 0.05

    def chunks(self) -> list[bytes]:
        """Return what is sent, as it is cut."""
        random = self._random
        data = b"".join(self._pieces())
        pieces = random.choice([1, 3, 20, 200])
        places = sorted(random.randrange(len(data) + 1) for _ in range(pieces))
        edges = pairwise([0, *places, len(data)])
        chunks = [data[begin:end] for begin, end in edges]
        # Some are cut off in the middle of whatever they were doing.
        return chunks[: random.randint(1, len(chunks))] if random.random() < 0.3 else chunks

    def _pieces(self) -> Iterator[bytes]:
        random = self._random
        if random.random() < 0.2:
            yield b"\xff\xfd\x01\xff\xfd\x03"  # DO ECHO, DO SGA: character mode
        if self.is_operator or random.random() < 0.8:
            yield self._name().encode() + random.choice(_ENDS)
        if self.is_operator:
            yield f"x{random.randrange(10**6)}\n/op\n{OP_PASSWORD}\n".encode()
        kinds: list[Callable[[], bytes]] = [
            self.command, self.command, self.command, self.text, self.key, self.telnet, self.noise,
            self.secret,
        ]  # fmt: skip
        for _ in range(random.randint(0, 40)):
            kind = random.choice(kinds)
            self._used[kind.__name__] += 1
            yield kind()

    def _name(self) -> str:
        return self._random.choice([*_NAMES, *_NAMES, f"n{self._random.randrange(10**6)}"])

    def _text(self) -> str:
        return " ".join(self._random.choices(_TEXTS, k=self._random.randint(1, 4)))

    def text(self) -> bytes:
        """Something to say, that may be unsafe."""
        return self._text().encode("utf-8", "surrogatepass") + self._random.choice(_ENDS)

    def command(self) -> bytes:
        """A command, mostly with what it takes. None stops the server, or bans for good."""
        random = self._random
        name = random.choice([command.name for command in COMMANDS if command.name != "stop"])
        command = COMMANDS.get(name)
        assert command is not None
        argument = self._argument(command.arguments)
        if name == "ban":
            argument = f"{random.choice([*_NAMES, *_ADDRESSES, '10.0.0.0/8'])} 1s {argument}"
        elif random.random() < 0.1:
            argument = self._text()
        line = f"/{name} {argument}".encode("utf-8", "surrogatepass")
        return line.replace(b"\r", b"") + random.choice(_ENDS)

    def _argument(self, usage: str) -> str:
        """Return an argument of the form that `/help` shows."""
        words = []
        for word in re.findall(r"[\w|]+", usage):
            match self._random.choice(word.split("|")):
                case "NAME" | "ADDRESS" | "NETWORK":
                    words.append(self._name())
                case "ROOM":
                    words.append(self._random.choice(["lobby", "red", "#blue", self._name()]))
                case "TIME":
                    words.append("1s")
                case "N":
                    words.append(str(self._random.randint(0, 250)))
                case "TOPIC":
                    words.append(self._random.choice([command.name for command in COMMANDS]))
                case other:
                    words.append(other if other.islower() else self._text())
            if self._random.random() < 0.2:
                break
        return " ".join(words)

    def key(self) -> bytes:
        """Keys as a terminal sends them."""
        return b"".join(self._random.choices(_KEYS, k=self._random.randint(1, 5)))

    def telnet(self) -> bytes:
        """A telnet command, or what looks like one."""
        random = self._random
        option = random.choice([0, 1, 3, 5, 6, 24, 31, 32, 34, 39, 42, 255])
        match random.randrange(4):
            case 0 | 1:
                return bytes((255, random.randint(251, 254), option))
            case 2:
                payload = random.randbytes(random.choice([0, 4, 4, 2000]))
                return bytes((255, 250, option)) + payload + random.choice([b"\xff\xf0", b""])
        return bytes((255, random.randrange(256)))

    def noise(self) -> bytes:
        """Bytes that mean nothing."""
        return self._random.randbytes(self._random.choice([1, 4, 30, 30, 3000]))

    def secret(self) -> bytes:
        """A line where a passphrase may be asked for."""
        return self._random.choice([b"correct horse", b"", OP_PASSWORD[:-1].encode()]) + b"\n"


class Stranger:
    """A client that sends a conversation, reads what comes or does not, and leaves."""

    def __init__(self, port: int, random: Random, used: Counter[str]) -> None:
        conversation = Conversation(random, used)
        self._random = random
        self._chunks = deque(conversation.chunks())
        self._is_deaf = random.random() < 0.1
        self._way = random.choice(["reset", "close", "half close", "stay"])
        self._stays = random.randint(1, 30)  # turns
        self.is_gone = False
        self.socket = socket.socket()
        # Wrong passphrases slow down everybody at an address.
        home = "127.0.0.1" if conversation.is_operator else random.choice(_ADDRESSES)
        self.socket.bind((home, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    def fileno(self) -> int:
        """Return what `select` knows the connection by."""
        return self.socket.fileno()

    def go_on(self) -> None:
        """Send the next piece now or later, or go."""
        if self._random.random() < 0.3:
            return
        if self._chunks:
            self._send(self._chunks.popleft())
        else:
            self._stays -= 1
            if self._stays < 0:
                self.go()
            elif self._way == "half close":
                with contextlib.suppress(OSError):
                    self.socket.shutdown(socket.SHUT_WR)

    def _send(self, data: bytes) -> None:
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.go()
            return
        if sent < len(data):
            self._chunks.appendleft(data[sent:])
            if self._is_deaf:
                self.go()  # the server no longer reads from a client that reads nothing

    def receive(self) -> None:
        """Read what has come, or leave it lying there."""
        if self._is_deaf:
            return
        with contextlib.suppress(BlockingIOError):
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                raise
            except OSError:
                data = b""
            if not data:
                self.go()

    def go(self) -> None:
        """Close the connection, or break it off."""
        if self._way == "reset":
            with contextlib.suppress(OSError):
                reset(self.socket)
        self.socket.close()
        self.is_gone = True


# The people that must be served meanwhile


class Bystanders:
    """Two people that talk while the strangers send nonsense, on a thread of their own."""

    def __init__(self, server: ServerProcess, problems: list[str]) -> None:
        self._problems = problems
        self._is_over = Event()
        # Names that no stranger comes upon: one that was reset would keep it for its address.
        self._al, self._bo = Client(server, "bystander-al"), Client(server, "bystander-bo")
        self._thread = Thread(target=self._talk)
        self._thread.start()
        self.exchanges = 0

    def _talk(self) -> None:
        try:
            while not self._is_over.wait(0.05):
                self.exchanges += 1
                for one, other in ((self._al, self._bo), (self._bo, self._al)):
                    one.type(f"exchange {self.exchanges}")
                    other.expect(f"{one.name}: exchange {self.exchanges}\r\n")
                    self._look_at(other.name, other.received.rpartition(b"\r\n")[0])
                    other.forget()
        except (AssertionError, OSError, UnicodeDecodeError) as error:
            self._problems.append(f"somebody well-behaved was not served: {error!r}")

    def _look_at(self, name: str, seen: bytes) -> None:
        """Find what must not be sent to a plain client (promises 4 and 5)."""
        for line in seen.decode().split("\r\n"):
            if UNSAFE_CHARACTER.search(line) or not _LINE.fullmatch(line):
                self._problems.append(f"{name} was sent {line!r}")

    def end(self) -> None:
        """Let both go."""
        self._is_over.set()
        self._thread.join()
        for one in (self._al, self._bo):
            one.type("/quit")
            with contextlib.suppress(OSError):
                one.expect_end()
            one.close()


# The whole


class Fuzzer:
    """Rounds of strangers at one server. What is against the rules is added to `problems`."""

    def __init__(self, plan: Plan, folder: Path, console: Console) -> None:
        self._plan, self._console = plan, console
        password = folder / "op"
        password.write_text(OP_PASSWORD)
        self.server = ServerProcess(
            folder, "--flood", "off", "--history", "chat.db", "--op-password-file", str(password)
        )
        self.problems: list[str] = []
        self.used: Counter[str] = Counter()
        """What strangers have sent, by its kind."""
        self.ends: Counter[str] = Counter()
        """For which reason how many connections ended."""
        self.figures: list[Figures] = []
        """What the server used after each round."""
        self.in_use: list[InUse] = []
        """What of its memory was in use after each round."""
        self._strangers = 0
        self._open: set[int] = set()
        self._began_at = time.monotonic()

    def run(self) -> None:
        """Go on until the time is over, or something is found."""
        with Live(console=self._console, get_renderable=self._line, refresh_per_second=2):
            while not self.problems and not self._is_late():
                self._go_round()
                self._rest()
        status = self.server.stop()
        if status or self.server.problems:
            self.problems += [f"the server stopped with {status}", *self.server.problems]

    def _is_late(self) -> bool:
        minutes = (time.monotonic() - self._began_at) / 60
        return minutes >= self._plan.minutes or len(self.figures) >= self._plan.rounds

    def _go_round(self) -> None:
        bystanders = Bystanders(self.server, self.problems)
        here: list[Stranger] = []
        last = self._strangers + self._plan.a_round
        while here or self._strangers < last:
            while len(here) < self._plan.at_once and self._strangers < last:
                here.append(self._stranger())
            for one in here:
                one.go_on()
            here = [one for one in here if not one.is_gone]
            for one in select.select(here, (), (), 0.002)[0]:
                one.receive()
            here = [one for one in here if not one.is_gone]
            self._read_log()
            if self.problems or not self.server.is_running():
                last = self._strangers
                for one in here:
                    one.go()
                here = []
        bystanders.end()

    def _stranger(self) -> Stranger:
        self._strangers += 1
        random = Random(f"{self._plan.seed} {self._strangers}")
        return Stranger(self.server.server_address[1], random, self.used)

    def _read_log(self) -> None:
        for record in self.server.log.new_records():
            match record["event"]:
                case "connected":
                    self._open.add(record["id"])
                case "disconnected":
                    self._open.remove(record["id"])
                    self._note_end(record["why"])
                case "refused":  # an operator among the strangers has banned that address
                    self.ends[f"refused: {record['why']}"] += 1
                case "trouble" | "left_out":
                    self.problems.append(str(record))
        self.problems += self.server.problems
        self.server.problems.clear()

    def _note_end(self, why: str) -> None:
        reason = next((reason for reason in _REASONS if why.startswith(reason)), None)
        if reason in (None, Reason.SERVER_ERROR):
            self.problems.append(f"a connection ended ({why})")
        self.ends[str(reason)] += 1

    def _rest(self) -> None:
        """Wait until nothing is left of the strangers; find what has grown."""
        before = self.figures[FULL_AFTER - 1] if len(self.figures) >= FULL_AFTER else None
        deadline = time.monotonic() + 3 * DEADLINE
        now = self.server.figures()
        while not self.problems and (
            self._open or not (before is None or now.has_no_more_open(before))
        ):
            if time.monotonic() > deadline:
                self.problems.append(
                    f"{len(self._open)} connections are open, and the server uses {now};"
                    f" after round {FULL_AFTER} it was {before}"
                )
            time.sleep(0.01)
            self._read_log()
            now = self.server.figures()
        self.figures.append(now)
        self._console.print(f"{self._strangers} strangers: {now}")
        if not self.problems:
            self.in_use.append(self._count_what_is_in_use())
            self.problems += growth(self.in_use[FULL_AFTER - 1 :], self._plan.a_round)

    def _count_what_is_in_use(self) -> InUse:
        """Count once nothing more is freed: the last messages may still wait to be logged."""
        before, now = None, self.server.in_use()
        while before is None or now.references < before.references:
            time.sleep(0.3)
            before, now = now, self.server.in_use()
        return before

    def _line(self) -> Text:
        seconds = int(time.monotonic() - self._began_at)
        return Text(
            f"{seconds // 60:02}:{seconds % 60:02} of {self._plan.minutes:g} min, seed"
            f" {self._plan.seed}: {self._strangers} strangers, {len(self.problems)} problems"
        )

    def table(self) -> Table:
        """Return what was sent, and how connections ended."""
        table = Table("sent", "times", "ended", "times")
        both = zip_longest(self.used.most_common(), self.ends.most_common(), fillvalue=("", ""))
        for sent, ended in both:
            table.add_row(*map(str, (*sent, *ended)))
        return table


def growth(in_use: Sequence[InUse], a_round: int) -> list[str]:
    """Return what has grown with each round of `a_round` strangers, one line for each kind."""
    if len(in_use) < 2:
        return []
    strangers = a_round * (len(in_use) - 1)
    references = in_use[-1].references - in_use[0].references
    c_bytes = in_use[-1].c_bytes - in_use[0].c_bytes
    found = []
    if references > REFERENCES + REFERENCES_A_STRANGER * strangers:
        found.append(f"there are {references} more references after {strangers} more strangers")
    if c_bytes > BYTES_OF_C:
        found.append(f"{c_bytes} more bytes of the C library's are in use after {strangers} more")
    return found


# The longest first: "kicked by" is followed by a name.
_REASONS = sorted(Reason, key=len, reverse=True)


def run(plan: Plan, console: Console) -> Fuzzer:
    """Fuzz a server, and show what came of it."""
    console.print(f"Fuzzing with seed {plan.seed} on Python {sys.version}", soft_wrap=True)
    with TemporaryDirectory() as folder:
        fuzzer = Fuzzer(plan, Path(folder), console)
        with fuzzer.server:
            fuzzer.run()
    console.print(fuzzer.table())
    for problem in fuzzer.problems:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(fuzzer.problems)} problems")
    return fuzzer


def main() -> int:
    """Read the options and run; 1 is for problems."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="decides what is sent")
    parser.add_argument("--at-once", type=int, default=50, help="how many at once (default: 50)")
    options = parser.parse_args()
    plan = Plan(options.seed, options.minutes, at_once=options.at_once)
    return 1 if run(plan, Console()).problems else 0


if __name__ == "__main__":
    sys.exit(main())
