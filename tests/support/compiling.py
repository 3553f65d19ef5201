"""Sources are compiled once for all processes of a run of the tests, by whichever comes first."""

import atexit
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

_UNUSED = {"ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests", "turtledemo"}
"""Folders of Python's own library of which no test imports anything."""


def keep_compiled() -> None:
    """Keep what is compiled for the processes that this one starts, until it ends.

    Where the environment forbids to keep that beside the sources, it is kept in a folder of its
    own, which begins with what is compiled already of Python and of what is installed.
    """
    if not os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        return
    folder = os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sys.pycache_prefix, sys.dont_write_bytecode = folder, False
    for place in filter(os.path.isdir, {os.path.realpath(path) for path in sys.path if path}):
        if not TESTS.is_relative_to(place):
            _take_over(place, folder)


def _take_over(place: str, folder: str) -> None:
    """Have `folder` lead to what is compiled of the sources in `place`."""
    ending = f".{sys.implementation.cache_tag}.pyc"
    for root, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name not in _UNUSED]
        if os.path.basename(root) == "__pycache__":
            kept = Path(folder, *Path(root).parent.parts[1:])
            kept.mkdir(parents=True, exist_ok=True)
            for name in names:
                if name.endswith(ending):
                    with contextlib.suppress(OSError):  # then it is compiled again
                        os.symlink(os.path.join(root, name), kept / name)


def compile_in_turns(config: pytest.Config) -> None:
    """Import the test modules in another order in each of several workers of a whole run.

    Rewriting their assertions takes longer than all else before the first test, and workers that
    start at once would each do all of it. So each begins with modules of its own, and finds what
    the others have written meanwhile.
    """
    workers = getattr(config, "workerinput", None)
    if workers is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    names = [
        ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
        for path in sorted(TESTS.rglob("test_*.py"))
    ]
    own = len(names) * int(workers["workerid"].removeprefix("gw")) // workers["workercount"]
    for name in names[own:] + names[:own]:
        # One that cannot be imported, or is to be skipped, says so when it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)
