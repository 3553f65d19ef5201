"""Keep the server's threads on one processor, where they run fastest under the GIL.

Under the global interpreter lock, threads take turns. With several processors, the system runs the
next thread on an idle one, and to wake that processor often takes longer than the turn. With one
processor there is nothing to wake. This was measured with two processors: on one of them, twice as
many people could join in the same time, and a small room could talk 1.5 times as fast.
"""

import contextlib
import os
import random
from pathlib import Path

from threadchat.net.threads import threads_take_turns


def stay_on_one() -> int | None:
    """Keep this thread and the threads it starts on one processor, and return its number.

    The processor is one of the fastest. Change nothing and return None if threads do not take
    turns, if there is only one processor, or if the system does not allow it (only Linux and
    FreeBSD do: sched_setaffinity(2)).
    """
    if not threads_take_turns() or not hasattr(os, "sched_setaffinity"):
        return None
    with contextlib.suppress(OSError):
        numbers = sorted(os.sched_getaffinity(0))
        if len(numbers) > 1:
            # The first processor is left out, because it usually serves the devices. The choice
            # among the others is random, so that two servers need not share one.
            speeds = {number: _speed(number) for number in numbers[1:]}
            fastest = max(speeds.values())
            chosen = random.choice([number for number in speeds if speeds[number] == fastest])
            os.sched_setaffinity(0, {chosen})
            return chosen
    return None


def _speed(number: int) -> int:
    """Return the highest speed of a processor, in kHz; 0 if the system does not tell it."""
    path = Path(f"/sys/devices/system/cpu/cpu{number}/cpufreq/cpuinfo_max_freq")
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
