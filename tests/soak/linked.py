"""Run the soak of linked servers: see `python -m tests.soak.linked --help`."""

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import randrange

from tests.soak import faults
from tests.soak.linkedjudge import judge
from tests.soak.linkedworld import LinkedWorld
from tests.soak.world import SoakFailed
from tests.support.redisserver import RedisServer, running_broker

FAULT_SECONDS = 5.0


def run(
    folder: Path, broker: RedisServer, seed: int, minutes: float, people: int, pace: float
) -> list[str]:
    """Let people talk while faults come; return what was found."""
    world = LinkedWorld(folder, broker, seed)
    done: Counter[str] = Counter()
    found: list[str] = []
    try:
        world.gather(people)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            fault = faults.choose(world)
            done[fault.__name__] += 1
            print(f"{end - time.monotonic():6.0f} s left: {fault.__name__}", flush=True)
            fault(world)
            faults.talk_on(world, FAULT_SECONDS, pace)
        world.settle()
        evidence = world.evidence()
        found = judge(evidence) + world.problems
        kept = {number: len(lines) for number, lines in evidence.kept.items()}
        print(f"kept by each server: {kept}; transcripts: {len(evidence.transcripts)}")
    except SoakFailed as failure:
        found = [str(failure), *world.problems]
    except Exception:
        found = [traceback.format_exc(), *world.problems]
    finally:
        world.close()
    print(", ".join(f"{what}: {times}" for what, times in done.items()))
    return found


def main() -> int:
    """Read the options and run; 1 is for violations."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.linked", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--seed", type=int, default=randrange(10**6), help="decides who does what")
    parser.add_argument("--people", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--pace", type=float, default=40.0, help="lines said in a second, at most")
    parser.add_argument("--keep", default="", help="a folder for the files, which are kept then")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory() as folder, running_broker(keeps=True) as broker:
        where = Path(options.keep or folder)
        found = run(where, broker, options.seed, options.minutes, options.people, options.pace)
    print(*found, f"{len(found)} violations", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
