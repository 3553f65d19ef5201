"""Know whether the library may be imported, before that is done."""

import importlib.util
import sys
from pathlib import Path


def ends_free_threading() -> bool:
    """Return whether to import zeroconf would switch the GIL on, in a process that runs without it.

    CPython does so for compiled modules that do not say that they need none (its guide "C API
    Extension Support for Free Threading"), and those of zeroconf 0.154 do not. Without compiled
    parts zeroconf works, too.
    """
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    spec = importlib.util.find_spec("zeroconf")  # the package itself is not imported by that
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return any(
        path.suffix in (".so", ".pyd") for folder in folders for path in Path(folder).rglob("_*.*")
    )
