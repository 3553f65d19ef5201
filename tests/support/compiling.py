"""Sources are compiled once for all processes of a run of the tests, by whichever comes first."""

import atexit
import contextlib
import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def keep_compiled() -> None:
    """Keep what is compiled for the processes that this one starts, until it ends.

    Where the environment forbids to keep that beside the sources, it is kept in a folder of its
    own, which begins with what this process has found compiled.
    """
    if not os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        return
    folder = os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    sys.pycache_prefix, sys.dont_write_bytecode = folder, False
    for spec in specs:
        if spec and spec.origin and spec.cached and Path(spec.cached).exists():
            kept = importlib.util.cache_from_source(spec.origin)
            Path(kept).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(spec.cached, kept)


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
