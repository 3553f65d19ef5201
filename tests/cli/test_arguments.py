"""What the command lines share: each says in one line what is wrong."""

from collections.abc import Sequence

import pytest

from threadchat.cli import affinity
from threadchat.cli.main import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "a\nb\x1b[2J"],
        ["a\nb\x1b[2J"],
        ["--port", "a\nb\x1b[2J"],
        ["--port", "0", "--web-port", "off", "--motd-file", "a\nb\x1b[2J"],
        ["--port", "0", "--web-port", "off", "--history", "no/a\nb\x1b[2J"],
        ["check", "a\nb\x1b[2J"],
        ["export", "a\nb\x1b[2J"],
        ["export", "chat.db", "a\nb\x1b[2J"],
        ["backup", "a\nb\x1b[2J", "copy.db"],
    ],
)
def test_whatever_a_name_holds_it_is_one_line(
    arguments: Sequence[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The thread that would be bound to one processor is the tests' own.
    monkeypatch.setattr(affinity, "stay_on_one", lambda: None)
    try:
        status = main(arguments)
    except SystemExit as error:
        status = int(str(error.code))
    assert status in (1, 2)
    said = capsys.readouterr().err
    assert said.startswith("threadchat")
    assert said.removesuffix("\n").isprintable()
    assert "\\nb\\x1b[2J" in said
