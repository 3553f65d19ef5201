"""Say in one line why there is no link, with the way out where there is one."""

from threadchat.errors import OperatorError

RIGHTS = "~tc:* &tc:* +@all -@dangerous +info"
"""The rights of a user of the broker that are enough, as in its configuration."""

NO_RIGHT = f"the broker lets that user do too little: it needs all of {RIGHTS}"
NO_MEMORY = "the broker has no memory left: raise its maxmemory"
IS_REPLICA = "the broker is a replica: name the one that it follows"
NOT_OURS = (
    "another program has written to the keys of these servers:"
    " delete all of tc:{NAME}:* at the broker, or take another name in --link"
)

_REFUSALS = {
    "NOPERM": NO_RIGHT,
    "OOM": NO_MEMORY,
    "READONLY": IS_REPLICA,
    "WRONGTYPE": NOT_OURS,
}


class UnfitBroker(OperatorError):
    """The broker is not fit for a link. The text is one line: why, and the way out."""


class BrokerFailed(OperatorError):
    """A connection is gone, or the broker refuses. The text is one line: what went wrong."""


def refused(text: str) -> BrokerFailed:
    """Return the error for what a broker says when it refuses something."""
    # Where a script was refused something, older brokers begin with words of their own.
    way_out = next((way for word, way in _REFUSALS.items() if word in text), None)
    return BrokerFailed(way_out or f"the broker refuses: {text}")
