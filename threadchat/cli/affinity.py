"""Keep the server's threads on one processor, where they run fastest under the GIL.

Under the global interpreter lock, threads take turns. With several processors, the system runs the
next thread on an idle one, and to wake that processor often takes longer than the turn. With one
processor there is nothing to wake. This was measured with two processors: on one of them, twice as
many people could join in the same time, and a small room could talk 1.5 times as fast.

The first processor is left to the system and to other programs, but several servers on one machine,
such as linked ones, each have one of their own as long as there are enough. (Measured with two
processors and two linked servers: a line that crossed both took 0.8 ms in place of 1.2.)
"""

import contextlib
import os
import random
from collections import Counter
from pathlib import Path

from threadchat.net import processors
from threadchat.net.threads import threads_take_turns

_PROCESSES = "/proc"
"""Where Linux tells of all processes. Where there is nothing like that, none is known."""


def stay_on_one() -> int | None:
    """Keep this thread and the threads it starts on one processor, and return its number.

    Threads that no client waits for may leave it: see `processors`.

    The processor is one that fewest other programs stay on; of those, not the first if there are
    others, and one of the fastest. Change nothing and return None if threads do not take turns, if
    there is only one processor, or if the system does not allow it (only Linux and FreeBSD do:
    sched_setaffinity(2)).
    """
    if not threads_take_turns() or not hasattr(os, "sched_setaffinity"):
        return None
    with contextlib.suppress(OSError):
        numbers = sorted(os.sched_getaffinity(0))
        if len(numbers) > 1:
            # The first processor usually serves the devices. The choice among equal ones is random:
            # two servers that start at once may not see each other.
            taken, first = _taken(), numbers[0]
            ranks = {it: (taken[it], it == first, -_speed(it)) for it in numbers}
            best = min(ranks.values())
            chosen = random.choice([number for number in ranks if ranks[number] == best])
            processors.stay_on(chosen)
            return chosen
    return None


def _taken() -> Counter[int]:
    """Return how many other programs stay on each processor, as far as the system tells."""
    taken = Counter[int]()
    with contextlib.suppress(OSError):
        for id in os.listdir(_PROCESSES):
            if id.isdecimal() and int(id) != os.getpid():
                with contextlib.suppress(OSError):  # it may have ended
                    allowed = os.sched_getaffinity(int(id))
                    # The system's own threads, which stay on one each, have no command.
                    if len(allowed) == 1 and Path(_PROCESSES, id, "cmdline").read_bytes():
                        taken += Counter(allowed)
    return taken


def _speed(number: int) -> int:
    """Return the highest speed of a processor, in kHz; 0 if the system does not tell it."""
    path = Path(f"/sys/devices/system/cpu/cpu{number}/cpufreq/cpuinfo_max_freq")
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
