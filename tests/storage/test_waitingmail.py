"""Mail as it came to another server; `test_records` has what is kept here."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from threadchat.messages.kinds import Private
from threadchat.storage.kept import KeptMessage, Protected
from threadchat.storage.records import MAX_MAIL, Records

LETTER = Private("al", "bo", "hi", at=12.5)


@pytest.fixture
def records() -> Iterator[Records]:
    with closing(Records(None)) as records:
        records.protect("bo", b"kept")
        yield records


def follow(records: Records) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []
    records.follower = lambda *it: told.append(it[:2])
    return told


def test_who_follows_is_told_of_what_is_kept_shown_and_handed_over(records: Records) -> None:
    told = follow(records)
    records.keep(LETTER)
    assert told == []
    records.mail.tell_of(LETTER)
    waiting = records.waiting("bo")
    records.note_shown(waiting)
    records.handed_over(waiting)
    assert told == [("mail", KeptMessage(0, LETTER).key)] * 3


def test_a_message_from_elsewhere_waits_here_once(records: Records) -> None:
    told = follow(records)
    kept = records.mail.put(LETTER, "", was_shown=False)
    assert kept is not None
    assert records.mail.put(LETTER, "", was_shown=False) is None
    assert records.waiting("bo") == records.mail.all() == [kept]
    assert records.mail.put(LETTER, "", was_shown=True) is None
    (shown,) = records.waiting("bo")
    assert shown.was_shown
    records.mail.drop(kept.key)
    records.mail.drop(kept.key)
    assert records.waiting("bo") == []
    assert told == []


def test_it_has_its_writer_if_that_name_is_protected_here(records: Records) -> None:
    records.put_name(Protected("al", b"kept", 3.0))
    for writer, known in (("al", records.protected("al")), ("cy", None)):
        kept = records.mail.put(Private("x", "bo", writer), writer, was_shown=False)
        assert kept is not None
        assert kept.writer == known
        assert kept in records.waiting("bo")


def test_only_who_still_owns_a_name_is_its_writer(records: Records) -> None:
    records.put_name(Protected("al", b"kept", 3.0))
    al = records.protected("al")
    records.keep(LETTER, al)
    records.put_name(Protected("al", b"others", 4.0))  # another owner
    records.keep(LETTER, al)
    records.unprotect("al")
    records.keep(LETTER, al)
    records.protect("al", b"mine again")
    assert [it.writer for it in records.waiting("bo")] == [None, None, None]
    records.keep(LETTER, records.protected("al"))
    assert records.waiting("bo")[-1].writer == records.protected("al")


def test_nothing_waits_for_a_name_that_is_not_protected_here(records: Records) -> None:
    assert records.mail.put(Private("al", "cy", "hi"), "", was_shown=False) is None
    assert records.mail.all() == []


def test_not_more_waits_than_two_servers_may_have_kept(records: Records) -> None:
    for number in range(2 * MAX_MAIL + 3):
        records.mail.put(Private("al", "bo", str(number)), "", was_shown=False)
    assert len(records.waiting("bo")) == 2 * MAX_MAIL
