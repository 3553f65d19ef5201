"""The server as a service: what the README says of it, word for word."""

import re
from pathlib import Path

from tests.end_to_end.test_program import running
from tests.support.clients import Client

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block_of(name: str) -> str:
    """Return the text in the README's block that is marked with `name`."""
    found = re.search(rf"^<!-- {re.escape(name)} -->\n```\w+\n(.*?)^```$", README, re.M | re.S)
    assert found, f"the README has no block for {name}"
    return found[1]


def test_the_file_with_options_in_the_readme(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text(block_of("chat.toml"))
    (tmp_path / "motd.txt").write_text("Tea at four.\n")
    with running("--config", str(file), "--port", "0") as program:
        with Client(program, "al") as al:
            al.expect("Tea at four.")
            al.type("hi")
            al.type("/quit")
            al.expect_end()
        assert program.stop() == 0
        assert not any("client" in line for line in program.output), "it is quiet"
    assert (tmp_path / "chat.db").exists()
