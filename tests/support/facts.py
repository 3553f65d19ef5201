"""What another server tells of a person, for the tests: each says what it needs besides."""

from threadchat.chat.farperson import Facts

NOTHING = Facts(
    name="",
    id=7,
    address="10.0.0.7:5000",
    counted_as="10.0.0.7",
    room="lobby",
    came_at=0.0,
    named_at=0.0,
    heard_at=0.0,
    away=None,
    is_operator=False,
    is_hook=False,
    uid="",
    records=(),
    ignores=(),
    lost_after=0.0,
)
