"""Know how threads run here, and keep them where they run best.

Under the global interpreter lock they take turns. Where there are several processors, the system
puts the next one on another that is idle, and to wake that often takes longer than the turn. On one
processor there is nothing to wake. Where it was measured, on two, that let twice as many people in
at once, and a small room talk half as fast again.
"""

import contextlib
import os
import random
from pathlib import Path

from threadchat.net.threads import threads_take_turns


def stay_on_one() -> int | None:
    """Keep this thread and those it starts on one processor, and return the number of that.

    It is one of the fastest. Where threads do not take turns, there is no choice, or the system
    does not let us (only Linux and FreeBSD do: sched_setaffinity(2)), return None, with nothing
    changed.
    """
    if not threads_take_turns() or not hasattr(os, "sched_setaffinity"):
        return None
    with contextlib.suppress(OSError):
        numbers = sorted(os.sched_getaffinity(0))
        if len(numbers) > 1:
            # Not the first, which as a rule has the devices to serve. Any of the others, so that
            # two servers need not share one.
            speeds = {number: _speed(number) for number in numbers[1:]}
            fastest = max(speeds.values())
            chosen = random.choice([number for number in speeds if speeds[number] == fastest])
            os.sched_setaffinity(0, {chosen})
            return chosen
    return None


def _speed(number: int) -> int:
    """Return how fast a processor can be, in kHz; 0 where Linux does not say."""
    path = Path(f"/sys/devices/system/cpu/cpu{number}/cpufreq/cpuinfo_max_freq")
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0
