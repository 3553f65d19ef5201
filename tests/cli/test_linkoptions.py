"""Where a link goes, as the options say."""

import os
from pathlib import Path

import pytest

from threadchat.cli.arguments import Fault
from threadchat.cli.linkoptions import link_address
from threadchat.cli.options import Options
from threadchat.cli.sources import parse_options

URL = "redis://box:6379/0#office"


def options(*arguments: str) -> Options:
    return parse_options(arguments, {})


def test_a_server_is_alone_unless_a_link_is_asked_for() -> None:
    assert link_address(options()) is None


def test_the_password_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("short\nmore\n")
    address = link_address(options("--link", URL, "--link-password-file", str(file)))
    assert address is not None
    assert (address.url, address.shown) == ("redis://:short@box:6379/0", URL)


def test_the_environment_and_a_file_of_options_do_as_well(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    config = tmp_path / "chat.toml"
    config.write_text(f'link = "{URL}"\nlink-password-file = "password"\n')
    address = link_address(options("--config", str(config)))
    assert address is not None
    assert address.url == "redis://:secret@box:6379/0"
    found = parse_options([], {"THREADCHAT_LINK": URL})
    assert found.link == URL


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--link", "box"], "argument --link: that is no link: it begins with redis://"),
        (["--link", "redis://:secret@box"], "it needs a name behind a #"),
        (["--link-password-file", "x"], "--link-password-file needs --link as well"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as found:
        options(*arguments)
    assert found.value.code == 2
    error = capsys.readouterr().err
    assert why in error
    assert "secret" not in error


def test_a_password_that_cannot_be_had_is_said_in_one_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(Fault, match="missing cannot be read"):
        link_address(options("--link", URL, "--link-password-file", missing))
    (tmp_path / "file").write_text("x")
    with pytest.raises(Fault, match="leave out one of them"):
        link_address(
            options(
                "--link",
                URL.replace("box", ":y@box"),
                "--link-password-file",
                f"{tmp_path}{os.sep}file",
            )
        )
