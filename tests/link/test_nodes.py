"""Names of the runs of servers."""

from threadchat.link.nodes import MAX_NAME, make_node, server_of, servers_of


def test_no_two_runs_are_the_same_and_the_server_is_known() -> None:
    one, two = make_node("box:8000"), make_node("box:8000")
    assert one != two
    assert servers_of({one, two, make_node("a:1")}) == ["a:1", "box:8000", "box:8000"]


def test_what_others_call_themselves_harms_nobody() -> None:
    assert "\x1b" not in server_of("\x1b[2Jbox/1")
    assert len(server_of("x" * 1000 + "/1")) == MAX_NAME
    assert len(server_of(make_node("x" * 1000))) == MAX_NAME
    assert server_of("1") == server_of("/1") == "a server without a name"
