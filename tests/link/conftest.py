"""Leave out the tests that need the client of Redis where it is not installed.

Where it is, look at what the lock of a link guards, as `tests.support.guards` does.
"""

from importlib.util import find_spec

from tests.support.guards import READING, guard

collect_ignore = []

if find_spec("redis"):
    from threadchat.link.asking import Asking
    from threadchat.link.farnotices import FarNotices
    from threadchat.link.later import Later
    from threadchat.link.link import Link
    from threadchat.link.linkedpeople import LinkedPeople
    from threadchat.link.shared import SharedState
    from threadchat.link.sharedrules import SharedMutes
    from threadchat.link.sharedtopics import SharedTopics

    guard(Asking, "_lock", {"_questions": ()})
    guard(
        SharedState,
        "_lock",
        {
            "_stamps": (),
            "_asked_at": (),
            "_heard": (),
            "_contested": (),
            "_gone": (),
            "_is_gone_noted": (),
        },
    )
    guard(SharedTopics, "_lock", {"_topics": (), "_seen": ()})
    guard(SharedMutes, "_lock", {"_ends": ()})
    guard(FarNotices, "_lock", {"_questions": (), "_is_hushed": ()})
    guard(Later, "_lock", {"_jobs": (), "_thread": (), "_is_closed": ()})
    guard(LinkedPeople, "_lock", {"_claims": (), "_here": (), "_seats": (), "_is_hushed": ()})
    guard(
        Link,
        "_changed",
        {
            "_core": (),
            "_failure": (),
            "_told": (),
            "_waited_for": (),
            # What is queued is taken with the turn.
            "_queue": ("_take_all",),
            "_live": READING,
            "_made": (),
            "_feed": (),
            "_is_woken": (),
            "_is_closing": READING,
        },
    )
else:
    collect_ignore += ["test_address.py", "test_broker.py", "test_link.py", "test_lua.py"]
    collect_ignore += ["test_link_failures.py", "test_linkedpeople_steps.py"]
    collect_ignore += ["test_linkedchat_steps.py"]
    collect_ignore += ["test_linkedchat.py", "test_linkedpeople.py", "test_linkedrules.py"]
    collect_ignore += ["test_farnotices.py"]
