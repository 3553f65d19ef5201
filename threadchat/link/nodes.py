"""Name the nodes of a link: each is one run of a server."""

import secrets
from collections.abc import Iterable, Sequence

from threadchat.text.clean import clean_text

MAX_NAME = 60
"""How many characters of a server's name are used."""


def make_node(server: str) -> str:
    """Return a name for one run of the server called `server`, as no other run ever has."""
    return f"{clean_text(server)[:MAX_NAME]}/{secrets.token_hex(8)}"


def server_of(node: str) -> str:
    """Return the name of a node's server, for operators. It may come from anybody (promise 4)."""
    return clean_text(node.rpartition("/")[0])[:MAX_NAME] or "a server without a name"


def servers_of(nodes: Iterable[str]) -> Sequence[str]:
    """Return the names of the servers of `nodes`, sorted."""
    return sorted(map(server_of, nodes))
