"""Why there is no link, in one line, and the rights that are enough for one."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.linkedservers import linked_server
from tests.support.redisserver import running_broker
from threadchat import parse_link
from threadchat.link.failures import IS_REPLICA, NO_MEMORY, NO_RIGHT, NOT_OURS, RIGHTS, refused

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("NOPERM this user has no permissions", NO_RIGHT),
        ("OOM command not allowed when used memory > 'maxmemory'.", NO_MEMORY),
        ("ERR Error running script: @user_script:9: -READONLY You can't write", IS_REPLICA),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", NOT_OURS),
        ("NOSCRIPT No matching script.", "the broker refuses: NOSCRIPT No matching script."),
    ],
)
def test_the_way_out_is_told_where_there_is_one(text: str, told: str) -> None:
    assert str(refused(text)) == told


@pytest.mark.slow
def test_the_rights_of_a_user_in_the_readme_are_enough() -> None:
    text = README.read_text(encoding="utf-8")
    block = re.search(r"^<!-- a user of the broker -->\n```\n(.*)\n```$", text, re.MULTILINE)
    assert block is not None
    user, name, *rules = block[1].split()
    assert user == "user"
    assert RIGHTS in block[1]
    with running_broker() as broker:
        client: Any = broker.client()
        with closing(client):
            # As in a broker's configuration, where a new user has no rights.
            client.execute_command("ACL", "SETUSER", name, "reset", *rules)
        link = parse_link(f"redis://{name}@127.0.0.1:{broker.port}/0#office", "PASSWORD")
        with linked_server(link) as one, linked_server(link) as other:
            for server in (one, other):
                server.wait_for_servers(1)
            with Client(one.server, "al") as al, Client(other.server, "bo") as bo:
                al.type("hi")
                bo.expect("al: hi")
                bo.type("/msg al psst")
                al.expect("[bo -> you] psst")
