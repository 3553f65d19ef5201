"""Protected names, mail and so on as other servers have them."""

from collections.abc import Mapping
from contextlib import closing

import pytest

from tests.support.chats import Lobby
from threadchat.link.shared import Change, SharedKind, Value
from threadchat.link.sharedrecords import kinds_of_records
from threadchat.messages.kinds import Private
from threadchat.storage.records import Protected, Records, RecordsFailed

NAME_RECORD = Protected("Al", b"hash", 7.0)
NAME = {"name": "Al", "kept": "hash", "since": 7.0, "address": ""}


@pytest.fixture
def records(lobby: Lobby) -> Records:
    return lobby.chat.records


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def kinds(lobby: Lobby, warned: list[str]) -> Mapping[str, SharedKind]:
    chat = lobby.chat
    return kinds_of_records(chat.records, chat.names, chat.mail, warned.append)


def everything(kinds: Mapping[str, SharedKind]) -> dict[tuple[str, str], Value | None]:
    return {(name, key): kind.value(key) for name, kind in kinds.items() for key, _ in kind.items()}


def test_all_of_it_is_told_and_taken_as_it_is(
    lobby: Lobby, kinds: Mapping[str, SharedKind], records: Records
) -> None:
    records.protect("Al", b"hash", "10.0.0.1")
    records.protect("bo", b"hash")
    records.ignore([("al", "bo")])
    records.keep_names_had("bo", [("cy", 1.0, 2.0), ("ed", 3.0, float("inf"))])
    records.keep(Private("x", "bo", "hi", at=3.5), records.protected("al"))
    told = everything(kinds)
    assert {kind for kind, _ in told} == {"name", "had", "ignore", "mail"}
    with closing(Records(None)) as empty:
        other = kinds_of_records(empty, lobby.chat.names, lobby.chat.mail, pytest.fail)
        for (kind, key), value in told.items():
            other[kind].put(key, Change(value))
        assert everything(other) == told
        for kind, key in reversed(told):
            other[kind].put(key, Change(None))
        assert everything(other) == {}


def test_whoever_protected_a_name_first_keeps_it(
    kinds: Mapping[str, SharedKind], records: Records, warned: list[str]
) -> None:
    names = kinds["name"]
    first, second = NAME, {**NAME, "since": 9.0}
    assert names.keeps(first, second)
    assert not names.keeps(second, first)
    assert not names.keeps(first, {**first, "kept": "new"})  # the later passphrase counts
    names.put("al", Change(second))
    names.put("al", Change(first))
    known = records.protected("al")
    assert known is not None
    assert known.since == 7.0
    (line,) = warned
    assert line.startswith("the name Al was protected by somebody else on another server")


def test_a_name_that_stands_for_another_is_refused(kinds: Mapping[str, SharedKind]) -> None:
    with pytest.raises(ValueError, match="stands for another"):
        kinds["name"].put("bo", Change(NAME))
    with pytest.raises(ValueError, match="stands for another"):
        kinds["mail"].put("bo 1", Change(MAIL))


MAIL = {
    "recipient": "al",
    "sender": "bo",
    "text": "hi\x1b[2J",
    "at": 5.0,
    "writer": None,
    "by": "",
    "shown": False,
}


def mail_key(records: Records) -> str:
    records.put_name(NAME_RECORD)
    kept = records.mail.put(Private("bo", "al", "hi", at=5.0), "", was_shown=False)
    assert kept is not None
    records.mail.drop(kept.key)
    return kept.key


def test_an_owner_who_is_here_by_now_is_told_mail_at_once(
    lobby: Lobby, kinds: Mapping[str, SharedKind], records: Records
) -> None:
    (al, bo) = lobby.enter("al", "bo")
    key = mail_key(records)
    al.lines()
    by = lobby.chat.names.uid_of(bo.identity)
    kinds["mail"].put(key, Change({**MAIL, "text": "hi", "by": by}))
    assert al.lines() == ["[bo -> you] hi"]
    assert records.waiting("al") == []
    lobby.types(al, "/reply ho")
    assert "[al -> you] ho" in bo.lines()


def test_what_cannot_be_written_is_told_to_the_operator(
    kinds: Mapping[str, SharedKind],
    records: Records,
    warned: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RecordsFailed("line", "why")

    monkeypatch.setattr(records, "put_name", fail)
    kinds["name"].put("al", Change(NAME))
    monkeypatch.setattr(records.mail, "all", fail)
    assert list(kinds["mail"].items()) == []
    assert warned == ["why", "why"]


def test_a_name_that_is_somebody_elses_or_free_now_is_not_that_of_its_owner(
    lobby: Lobby,
    kinds: Mapping[str, SharedKind],
    records: Records,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unprotected: list[str] = []
    monkeypatch.setattr(lobby.chat.names, "unprotected", unprotected.append)
    names = kinds["name"]
    names.put("al", Change(None))  # there is none
    names.put("al", Change(NAME))
    names.put("al", Change({**NAME, "kept": "new"}))
    assert unprotected == []
    names.put("al", Change({**NAME, "since": 3.0}))
    assert unprotected == ["Al"]
    names.put("al", Change(None))
    assert unprotected == ["Al", "al"]
    assert records.protected("al") is None


def test_what_is_dropped_is_gone_from_the_records(
    kinds: Mapping[str, SharedKind], records: Records
) -> None:
    records.put_name(NAME_RECORD)
    records.put_name(Protected("bo", b"hash", 8.0))
    kinds["ignore"].put("al bo", Change({}))
    kinds["had"].put("al", Change({"names": [["cy", 1.0, None]]}))
    assert records.ignored_by("al") == {"bo"}
    assert [it[0] for it in records.names_had("al")] == ["cy"]
    kinds["ignore"].put("al bo", Change(None))
    kinds["had"].put("al", Change(None))
    assert not records.ignored_by("al")
    assert not records.names_had("al")
    for kind in ("had", "ignore", "mail"):
        assert not kinds[kind].keeps({}, {})
