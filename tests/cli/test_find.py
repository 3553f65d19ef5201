"""`threadchat find`: what it prints, and its exit status."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from threadchat.cli import find
from threadchat.cli.main import main
from threadchat.errors import OperatorError

BOX = SimpleNamespace(
    name="threadchat on box",
    addresses=("192.168.1.7", "fd00::7"),
    chat_port=8000,
    web_port=8080,
    tls_port=8992,
    version="1.2",
)
PLAIN = SimpleNamespace(
    name="threadchat on [red]x",
    addresses=("10.0.0.7",),
    chat_port=8001,
    web_port=None,
    tls_port=None,
    version="",
)

Answering = Callable[[Any], None]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Have the LAN answer with these servers, or fail; each call is for its number of seconds."""

    def answer(with_what: Any) -> None:
        def find_servers(seconds: float, progress: Callable[[int, int], None]) -> Any:
            progress(0, 1)
            if isinstance(with_what, BaseException):
                raise with_what
            return with_what[seconds]

        module = SimpleNamespace(find_servers=find_servers, MOST=2)
        monkeypatch.setitem(sys.modules, "threadchat.lan.finding", module)

    return answer


def test_each_server_has_the_lines_to_type(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering({3: [BOX]})
    assert main(["find"]) == 0
    out, error = capsys.readouterr()
    assert out.splitlines() == [
        "threadchat on box, version 1.2",
        "    http://192.168.1.7:8080/",
        "    telnet 192.168.1.7 8000",
        "    nc 192.168.1.7 8000",
        "    openssl s_client -quiet -connect 192.168.1.7:8992",
        "    http://[fd00::7]:8080/",
        "    telnet fd00::7 8000",
        "    nc fd00::7 8000",
        "    openssl s_client -quiet -connect [fd00::7]:8992",
    ]
    assert error == ""  # no progress, as that is no terminal


def test_a_long_list_says_that_there_may_be_more(
    answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    answering({2: [PLAIN, BOX]})
    assert main(["find", "--seconds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["threadchat on [red]x", "    telnet 10.0.0.7 8001", "    nc 10.0.0.7 8001"]
    assert lines[-1] == "There may be more: only 2 are shown."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({3: []}, "no server has answered"),
        (OperatorError("this machine is in no LAN now."), "in no LAN now"),
        (OperatorError("no \x1b[31mLAN\n"), "no \\x1b[31mLAN\\n"),
    ],
)
def test_none_is_one_line_with_the_way_out(
    answering: Answering, capsys: pytest.CaptureFixture[str], answer: object, words: str
) -> None:
    answering(answer)
    assert main(["find"]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert error.startswith("threadchat find: ")
    assert words in error


def test_ctrl_c_leaves_quietly(answering: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    answering(KeyboardInterrupt())
    assert main(["find"]) == 130
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_while_it_prints_leaves_quietly(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering({3: [BOX]})

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(find, "print_out", interrupted)
    assert main(["find"]) == 130
    assert capsys.readouterr().err == ""


class NoZeroconf:
    """Finds that there is no such package."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "zeroconf":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_the_extra_there_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "threadchat.lan.finding", raising=False)
    for name in ("zeroconf", "zeroconf._dns", "zeroconf.asyncio"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoZeroconf(), *sys.meta_path])
    assert main(["find"]) == 1
    assert "pip install 'threadchat[lan]'" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["0", "1", "61", "-1", "1.5", "x", "\u0663", "9" * 5000])
def test_a_wrong_time_is_one_line(capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    with pytest.raises(SystemExit) as status:
        main(["find", "--seconds", wrong])
    assert status.value.code == 2
    assert "is not from 2 to 60" in capsys.readouterr().err
