"""A chat server for a LAN that everybody can already talk to, with telnet or netcat.

`python -m threadchat` runs it; `ChatServer` is the same for use from Python. What can be imported
from here is the public face; deeper modules may move.
"""

TYPE_CHECKING = False  # tools that check types take it for true

__version__ = "0.2.0"

if TYPE_CHECKING:
    from threadchat.publicface import *  # noqa: F403
    from threadchat.publicface import __all__ as __all__
else:
    # See PEP 562. Python reads this module before it runs `__main__`, and a signal until then shows
    # a traceback; so all others are read only when a name is asked for.

    def __getattr__(name):
        from importlib import import_module

        face = import_module("threadchat.publicface")
        names = {each: getattr(face, each) for each in face.__all__}
        globals().update(names, __all__=sorted([*names, "__version__"]))
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
