"""Bans as another server has set them; `test_records` has those that are set here."""

from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.support.clock import Clock
from threadchat.access.bans import Ban
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory


def test_who_follows_is_told_of_a_ban_that_is_set_or_ended_here() -> None:
    with closing(Records(None)) as records:
        told: list[tuple[str, ...]] = []
        records.follower = lambda *it: told.append(it)
        records.ban("Mallory", "op")
        records.unban("mallory", "ed")
        records.unban("mallory", "ed")  # nothing new
        records.ban(ip_network("10.0.0.0/8"), "op")
        assert told == [
            ("ban", "mallory", "op"),
            ("ban", "mallory", "ed"),
            ("ban", "10.0.0.0/8", "op"),
        ]


def test_nobody_is_told_of_one_that_came_from_elsewhere(clock: Clock) -> None:
    with closing(Records(None, clock)) as records:
        records.follower = lambda *it: pytest.fail(f"told of {it}")
        ban = Ban("Mallory", "op", "why", 7.0, 2000.0, frozenset({"ma11ory"}))
        records.all_bans.put(ban)
        assert records.bans() == [ban]
        assert records.all_bans.find("mallory") == ban
        assert records.all_bans.find("bo") is None
        assert records.all_bans.drop("mallory")
        assert not records.all_bans.drop("mallory")
        assert records.bans() == []


def test_after_a_restart_they_are_listed_from_the_oldest_on(tmp_path: Path) -> None:
    with closing(StoredHistory(tmp_path / "chat.db", print)):
        with closing(Records(tmp_path / "chat.db")) as records:
            for name, at in (("bo", 3.0), ("al", 1.0), ("cy", 2.0)):
                records.all_bans.put(Ban(name, "op", "", at, None))
        with closing(Records(tmp_path / "chat.db")) as again:
            assert [ban.target for ban in again.bans()] == ["al", "cy", "bo"]
