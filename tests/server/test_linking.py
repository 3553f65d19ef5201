"""Whether a server is linked, as its configuration says."""

import pytest

from threadchat import ChatServer, OperatorError, ServerConfig, parse_link
from threadchat.server import linking
from threadchat.server.linking import Linking

LINK = parse_link("redis://127.0.0.1:1/0#office")


def test_a_server_is_alone_by_default() -> None:
    with ChatServer(("127.0.0.1", 0)) as server:
        assert server.chat._order is None


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "what that needs is not installed: pip install 'threadchat[link]'"
    monkeypatch.setattr(linking, "why_unusable", lambda module, extra: missing)
    with pytest.raises(OperatorError) as found:
        ChatServer(("127.0.0.1", 0), ServerConfig(link=LINK))
    assert str(found.value) == f"no link: {missing}"
    Linking(None)
