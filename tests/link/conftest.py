"""Leave out the tests that need the client of Redis where it is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("redis") else ["test_lua.py"]
