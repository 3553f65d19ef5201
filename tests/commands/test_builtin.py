"""That the README's tables have the commands and the options."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from threadchat.cli.options import Options
from threadchat.cli.sources import variable_of
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Command


class TestReadme:
    README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("command", list(make_registry()), ids=lambda command: command.name)
    def test_its_table_has_the_command_as_help_has_it(self, command: Command) -> None:
        usage = command.usage.replace("|", "\\|")
        assert f"| `{usage}` | {command.summary} |\n" in self.README

    @pytest.mark.parametrize("option", [option.name for option in fields(Options)])
    def test_its_table_has_the_option(self, option: str) -> None:
        flag = option.replace("_", "-")
        assert re.search(rf"^\| `--{flag}.*`{variable_of(option)}` \|", self.README, re.M)
