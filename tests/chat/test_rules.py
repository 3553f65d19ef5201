"""What stands in the house's files, and what counts when one of them cannot be read."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import no_stats
from threadchat.chat.rules import House, HouseFiles, UnusableFile
from threadchat.monitoring.events import Acted, Event, Trouble
from threadchat.storage.records import Records


@pytest.fixture
def files(tmp_path: Path) -> HouseFiles:
    files = HouseFiles(tmp_path / "motd", tmp_path / "password", tmp_path / "op")
    for path in (files.motd, files.password, files.op_password):
        assert path is not None
        path.write_text(f"the old {path.name}\n")
    return files


@pytest.fixture
def records() -> Iterator[Records]:
    with closing(Records(None)) as records:
        yield records


def house_of(files: HouseFiles, events: list[Event], records: Records) -> House:
    return House(events.append, no_stats, lambda: None, records, files)


@pytest.mark.parametrize("broken", ["motd", "password", "op"])
def test_one_that_cannot_be_read_keeps_no_other_from_being_read(
    files: HouseFiles, records: Records, tmp_path: Path, broken: str
) -> None:
    events: list[Event] = []
    house = house_of(files, events, records)
    for name in ("motd", "password", "op"):
        (tmp_path / name).write_text(f"the new {name}\n")
    (tmp_path / broken).unlink()
    house.reread()
    trouble, acted = events
    assert isinstance(trouble, Trouble)
    assert trouble.words.startswith(str(tmp_path / broken))
    assert trouble.words.endswith(" What it said before still counts.")
    assert acted == Acted("operator", "had the files read again")
    ages = {name: "old" if name == broken else "new" for name in ("motd", "password", "op")}
    assert house.motd == [f"the {ages['motd']} motd"]
    assert house.is_password(f"the {ages['password']} password")
    assert house.is_op_password(f"the {ages['op']} op")


def test_at_the_start_all_have_to_be_there(
    files: HouseFiles, records: Records, tmp_path: Path
) -> None:
    (tmp_path / "op").unlink()
    with pytest.raises(UnusableFile, match="op cannot be read"):
        house_of(files, [], records)
