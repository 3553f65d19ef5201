"""What stands in the files of the rules, and what counts when one of them cannot be read."""

from pathlib import Path

import pytest

from threadchat.chat.rules import Rules, RulesFiles, UnusableFile


@pytest.fixture
def files(tmp_path: Path) -> RulesFiles:
    files = RulesFiles(tmp_path / "motd", tmp_path / "password", tmp_path / "op")
    for path in (files.motd, files.password, files.op_password):
        assert path is not None
        path.write_text(f"the old {path.name}\n")
    return files


@pytest.mark.parametrize("broken", ["motd", "password", "op"])
def test_one_that_cannot_be_read_keeps_no_other_from_being_read(
    files: RulesFiles, tmp_path: Path, broken: str
) -> None:
    warnings: list[str] = []
    rules = Rules(files)
    for name in ("motd", "password", "op"):
        (tmp_path / name).write_text(f"the new {name}\n")
    (tmp_path / broken).unlink()
    rules.reread(warnings.append)
    (warning,) = warnings
    assert warning.startswith(str(tmp_path / broken))
    assert warning.endswith(" What it said before still counts.")
    ages = {name: "old" if name == broken else "new" for name in ("motd", "password", "op")}
    assert rules.motd == [f"the {ages['motd']} motd"]
    assert rules.is_password(f"the {ages['password']} password")
    assert rules.is_op_password(f"the {ages['op']} op")


def test_at_the_start_all_have_to_be_there(files: RulesFiles, tmp_path: Path) -> None:
    (tmp_path / "op").unlink()
    with pytest.raises(UnusableFile, match="op cannot be read"):
        Rules(files)


def test_without_a_passphrase_nothing_makes_an_operator() -> None:
    rules = Rules()
    assert not rules.has_op_password
    assert not rules.is_op_password("")
    assert not rules.has_password
