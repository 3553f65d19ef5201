"""Run the soak: see `python -m tests.soak --help`."""

import argparse
import math
import sys
import time
import traceback
from pathlib import Path
from random import randrange
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tests.soak import crowd
from tests.soak.world import OP_PASSWORD, SoakFailed, World
from tests.support.process import ServerProcess


class Plan(NamedTuple):
    """How long to go on, and with how many; `seed` decides who does what.

    Everything is checked after so many `acts`, and everybody leaves at every `checks`-th check. It
    ends after so many `rests`, or with the one after so many `minutes`. Memory is compared from the
    middle of those on: by then the heap has settled around all that is kept up to a bound.
    """

    seed: int
    minutes: float = math.inf
    rests: float = math.inf
    people: int = 45
    pace: float = 250.0
    acts: int = 4000
    checks: int = 16
    fills: bool = True
    """Whether to begin with as much being said as the server remembers, so that it cannot grow."""


class Soak:
    """Two servers and their crowds, each with a thread of its own.

    One lets people go as fast as they can. The other does not, and remembers in a file, too: what
    happens there is a twentieth.
    """

    def __init__(self, plan: Plan, console: Console, folder: Path) -> None:
        self._plan, self._console = plan, console
        self._began_at = time.monotonic()
        self._is_over = Event()
        password = folder / "op"
        password.write_text(OP_PASSWORD)
        options = ("--op-password-file", str(password))
        self._slow = slow = plan._replace(
            people=plan.people // 3, pace=plan.pace / 20, acts=plan.acts // 20
        )
        free = self._server(folder / "free", "--flood", "off", *options)
        guarded = self._server(folder / "guarded", "--history", "chat.db", *options)
        self.worlds = [
            World("free", free, f"{plan.seed} free", plan.people),
            World("guarded", guarded, f"{plan.seed} guarded", slow.people, is_guarded=True),
        ]

    def _server(self, folder: Path, *options: str) -> ServerProcess:
        folder.mkdir()
        return ServerProcess(folder, *options)

    def __enter__(self) -> "Soak":
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for world in self.worlds:
            world.server.__exit__()

    def run(self) -> None:
        """Go on until the time is over or something is found."""
        threads = [Thread(target=self._live, args=(world,)) for world in self.worlds]
        with Live(console=self._console, get_renderable=self._line, refresh_per_second=2):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    # On the thread of a world

    def _live(self, world: World) -> None:
        try:
            plan = self._slow if world.is_guarded else self._plan
            if plan.fills and not world.is_guarded:
                crowd.fill(world)
            while not self._is_late(world):
                self._go_on(world, plan)
            if not world.judge.violations:
                self._stop(world)
        except SoakFailed as failure:
            world.judge.find(str(failure))
        except Exception:
            world.judge.find(traceback.format_exc())
        if world.judge.violations:
            self._is_over.set()

    def _is_late(self, world: World) -> bool:
        if world.judge.violations or self._is_over.is_set():
            return True
        return self._minutes() >= self._plan.minutes or len(world.figures) > self._plan.rests

    def _minutes(self) -> float:
        return (time.monotonic() - self._began_at) / 60

    def _go_on(self, world: World, plan: Plan) -> None:
        """Act, and check, until the next rest and with it."""
        if world.operator is None:
            world.seat_operator()
        for _ in range(plan.checks):
            self._act(world, plan)
            world.check()
            if world.judge.violations or self._is_over.is_set():
                return
        half = self._plan.minutes / 2
        settles = math.isinf(half) or self._minutes() >= half
        world.rest(crowd.leave, settles=settles)
        self._console.print(f"{self._clock()} {world.name}: {world.figures[-1]}")

    def _act(self, world: World, plan: Plan) -> None:
        acts_at = time.monotonic()
        for _ in range(plan.acts):
            while (wait := acts_at - time.monotonic()) > 0:
                world.pump(wait)
            crowd.act(world)
            acts_at += world.random.expovariate(plan.pace)
            if world.judge.violations or self._is_over.is_set():
                return

    def _stop(self, world: World) -> None:
        status = world.server.stop()
        if status or world.server.problems:
            world.judge.find(f"it stopped with {status}", *world.server.problems)

    # What there is to see

    @property
    def violations(self) -> list[str]:
        """What was found, with the name of the world where it was."""
        return [f"{world.name}: {it}" for world in self.worlds for it in world.judge.violations]

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._began_at)
        return f"{seconds // 60:02}:{seconds % 60:02}"

    def _line(self) -> Text:
        people = sum(len(world.people) for world in self.worlds)
        done = sum(world.done.total() for world in self.worlds)
        return Text(
            f"{self._clock()} of {self._plan.minutes:g} min, seed {self._plan.seed}:"
            f" {people} people, {done} things done, {len(self.violations)} violations"
        )

    def tables(self) -> list[Table]:
        """Return what was done how often, and what the servers used at rest."""
        done = Table("done", *(world.name for world in self.worlds))
        for name in sorted({name for world in self.worlds for name in world.done}):
            done.add_row(name, *(str(world.done[name]) for world in self.worlds))
        used = Table("used", *(world.name for world in self.worlds))
        for at, what in ((0, "before anybody came"), (1, "at the first rest"), (-1, "at the last")):
            used.add_row(what, *(str(world.figures[min(at, len(world.figures) - 1)])
                                 for world in self.worlds))  # fmt: skip
        return [done, used]


def run(plan: Plan, console: Console) -> list[str]:
    """Run a soak and show what came of it; return the violations that were found."""
    console.print(f"Soak with seed {plan.seed} on Python {sys.version}", soft_wrap=True)
    with TemporaryDirectory() as folder, Soak(plan, console, Path(folder)) as soak:
        soak.run()
    console.print(*soak.tables())
    for violation in soak.violations:
        console.print(violation, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(soak.violations)} violations")
    return soak.violations


def main() -> int:
    """Read the options and run; 1 is for violations."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="decides who does what")
    parser.add_argument("--people", type=int, default=45, help="how many at once (default: 45)")
    parser.add_argument("--pace", type=float, default=250.0, help="things done in a second")
    options = parser.parse_args()
    plan = Plan(options.seed, options.minutes, people=options.people, pace=options.pace)
    return 1 if run(plan, Console()) else 0


if __name__ == "__main__":
    sys.exit(main())
