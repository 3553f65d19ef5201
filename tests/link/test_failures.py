"""Why there is no link, in one line."""

import pytest

from threadchat.link.failures import IS_REPLICA, NO_MEMORY, NO_RIGHT, NOT_OURS, refused


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
