"""What somebody ignores: it goes by who both are, and lasts with protected names."""

from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from threadchat.chat import ignoring
from threadchat.errors import PersonError
from threadchat.monitoring.events import Trouble
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records


def never(*_: object) -> NoReturn:
    raise AssertionError


def prove(lobby: Lobby, id: int, name: str) -> Somebody:
    """Let the owner of a protected name come in, from an address of their own."""
    person = Somebody(id)
    protected = lobby.chat.records.protected(name)
    assert protected is not None
    lobby.chat.names.claim(person, name, proven=protected)
    lobby.chat.enter(person)
    return person


def test_so_many_can_be_ignored(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignoring, "MAX_IGNORED", 2)
    al, bo, cy, di = lobby.enter("al", "bo", "cy", "di")
    for other in (bo, cy):
        lobby.chat.ignoring.ignore(al, other.identity)
    with pytest.raises(PersonError, match=r"You ignore 2 people already. /unignore NAME"):
        lobby.chat.ignoring.ignore(al, di.identity)
    assert lobby.chat.ignoring.ignored_by(al) == [bo.identity, cy.identity]
    lobby.chat.ignoring.unignore(al, bo.identity)
    lobby.chat.ignoring.ignore(al, di.identity)


def test_of_several_that_had_a_name_it_is_the_one_that_had_it_last(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    ignored = []
    for _ in range(2):
        (eve,) = lobby.enter("eve")
        lobby.types(al, "/ignore eve")
        lobby.chat.rename(eve, "adam")
        lobby.chat.leave(eve, Reason.QUIT)
        ignored.append(eve.identity)
    assert ignored[0] is not ignored[1]
    assert lobby.chat.ignoring.find(al, "EVE") is ignored[1]
    lobby.chat.ignoring.unignore(al, ignored[1])
    assert lobby.chat.ignoring.find(al, "eve") is ignored[0]
    assert lobby.chat.ignoring.find(al, "cy") is None


class TestOfProtectedNames:
    def test_it_holds_from_any_address_and_after_a_restart(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo, cy = kept.enter("al", "bo", "cy")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        kept.types(al, "/ignore bo")
        assert al.lines()[1] == (
            "=== Their name and yours are protected: it holds whenever they or you come back."
        )
        for person in (al, bo):
            kept.chat.leave(person, Reason.QUIT)
        kept.now[0] += 1000
        for lobby in (kept, Lobby(records)):
            if lobby is not kept:
                kept = lobby
                (cy,) = lobby.enter("cy")
            al, bo = prove(lobby, 70, "al"), prove(lobby, 71, "bo")
            al.lines()
            lobby.types(bo, "/nick robert")
            lobby.says(bo, "hi")
            lobby.says(cy, "hello")
            assert al.lines() == ["cy: hello"]
            lobby.types(al, "/ignore")
            assert al.lines() == ["=== You ignore robert. /unignore NAME undoes it."]
            for person in (al, bo):
                lobby.chat.leave(person, Reason.QUIT)
        kept.chat.close()

    def test_it_can_be_undone_while_the_other_is_not_here(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo = kept.enter("al", "bo")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        kept.types(al, "/ignore bo")
        later = Lobby(records)
        again = prove(later, 70, "al")
        again.lines()
        later.types(again, "/ignore")
        later.types(again, "/unignore bo")
        assert again.lines() == [
            "=== You ignore bo (not here). /unignore NAME undoes it.",
            "=== You are shown what bo says again.",
        ]
        assert records.ignored_by("al") == frozenset()
        later.chat.close()

    def test_whoever_has_one_is_told_that_it_holds_for_them_at_any_address(
        self, kept: Lobby
    ) -> None:
        al, bo = kept.enter("al", "bo")
        words = "It holds under any name, and when they come back within 2 min by the same name and"
        told = kept.chat.ignoring.what_it_follows(al, bo.identity)
        assert told == f"{words} address; for you likewise."
        protect(kept, bo, RIGHT, RIGHT)
        told = kept.chat.ignoring.what_it_follows(al, bo.identity)
        assert told.startswith(
            "Their name is protected: it holds whenever they come back, and for you"
        )
        told = kept.chat.ignoring.what_it_follows(bo, al.identity)
        assert told == f"{words} address."
        protect(kept, al, RIGHT, RIGHT)
        told = kept.chat.ignoring.what_it_follows(al, bo.identity)
        assert told == (
            "Their name and yours are protected: it holds whenever they or you come back."
        )

    def test_a_name_that_is_protected_later_is_kept_from_then_on(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo = kept.enter("al", "bo")
        kept.types(al, "/ignore bo")
        protect(kept, al, RIGHT, RIGHT)
        assert records.ignored_by("al") == frozenset()
        protect(kept, bo, RIGHT, RIGHT)
        assert records.ignored_by("al") == {"bo"}
        kept.types(bo, "/unprotect")
        assert records.ignored_by("al") == frozenset()

    def test_who_proves_a_name_takes_along_what_they_ignore(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo = kept.enter("al", "bo")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        kept.chat.leave(al, Reason.QUIT)
        (guest,) = kept.enter("guest")
        kept.types(guest, "/ignore bo")
        guest.secrets.append(RIGHT)
        kept.types(guest, "/nick al")
        assert records.ignored_by("al") == {"bo"}
        guest.lines()
        kept.says(bo, "hi")
        assert guest.lines() == []

    def test_who_is_ignored_stays_so_by_proving_another_name(self, kept: Lobby) -> None:
        al, bo, cy = kept.enter("al", "bo", "cy")
        protect(kept, cy, RIGHT, RIGHT)
        kept.chat.leave(cy, Reason.QUIT)
        kept.chat.names.owner_of(kept.records.protected("cy"))  # type: ignore[arg-type]
        kept.types(al, "/ignore bo")
        al.lines()
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick cy")
        kept.says(bo, "hi")
        assert al.lines() == []

    def test_a_file_that_fails_is_told_of_and_it_holds_all_the_same(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo = kept.enter("al", "bo")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        records.close()
        kept.types(al, "/ignore bo")
        (line,) = al.lines()
        assert line.startswith("!!! That counts now, but may not when you come back")
        kept.says(bo, "hi")
        assert al.lines() == []


class TestOverARestart:
    """What was said under other names is known to be of the owner of a protected name."""

    def said_later(self, before: Lobby, file: Path) -> Lobby:
        """Return the chat after a restart, with what was said before."""
        later = Lobby(Records(file))
        for message in before.history.recent("lobby", 100):
            later.history.append("lobby", [message])
        return later

    def shown_to(self, lobby: Lobby, name: str) -> list[str]:
        """Return what the owner of a protected name is shown of tea when they come."""
        person = prove(lobby, 70, name)
        replayed = [line for line in person.lines() if "tea" in line]
        lobby.types(person, "/last")
        assert [line for line in person.lines() if "tea" in line] == replayed
        lobby.types(person, "/search tea")
        found = [line.split("lobby ")[1] for line in person.lines() if "tea " in line]
        assert found[::-1] == replayed
        lobby.chat.leave(person, Reason.QUIT)
        return replayed

    @pytest.fixture
    def al(self, kept: Lobby) -> Somebody:
        """Somebody that ignores bo."""
        al, bo = kept.enter("al", "bo")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        kept.types(al, "/ignore bo")
        for person in (al, bo):
            kept.chat.leave(person, Reason.QUIT)
        return al

    @pytest.mark.usefixtures("al")
    def test_under_another_name_before_they_proved_their_own(self, kept: Lobby, file: Path) -> None:
        guest, cy = kept.enter("guest", "cy")
        kept.says(guest, "tea one")
        kept.types(guest, "/nick visitor")
        kept.says(guest, "tea two")
        guest.secrets.append(RIGHT)
        kept.types(guest, "/nick bo")
        kept.says(guest, "tea three")
        kept.types(cy, "/nick guest")  # the name is another's now
        kept.says(cy, "tea four")
        for _ in range(2):  # one restart, and another
            later = self.said_later(kept, file)
            assert self.shown_to(later, "al") == ["guest: tea four"]
            later.close()

    @pytest.mark.usefixtures("al")
    def test_under_another_name_after_they_proved_their_own(self, kept: Lobby, file: Path) -> None:
        bo = prove(kept, 71, "bo")
        kept.types(bo, "/nick robert")
        kept.says(bo, "tea one")
        later = self.said_later(kept, file)  # with the first server killed
        assert self.shown_to(later, "al") == []
        (robert,) = later.enter("robert")
        later.says(robert, "tea two")
        assert self.shown_to(later, "al") == ["robert: tea two"]
        later.close()

    @pytest.mark.usefixtures("al")
    def test_under_another_name_until_they_left(self, kept: Lobby, file: Path) -> None:
        bo = prove(kept, 71, "bo")
        kept.types(bo, "/nick robert")
        kept.says(bo, "tea one")
        kept.chat.leave(bo, Reason.QUIT)
        kept.now[0] += 1000
        (robert,) = kept.enter("robert")
        kept.says(robert, "tea two")
        later = self.said_later(kept, file)
        assert self.shown_to(later, "al") == ["robert: tea two"]
        later.close()

    def test_under_the_same_name_before_it_was_protected(self, kept: Lobby, file: Path) -> None:
        al, bo = kept.enter("al", "bo")
        kept.says(bo, "tea one")
        for person in (al, bo):
            protect(kept, person, RIGHT, RIGHT)
        kept.types(al, "/ignore bo")
        later = self.said_later(kept, file)
        assert self.shown_to(later, "al") == []
        later.close()

    @pytest.mark.usefixtures("al")
    def test_a_name_that_is_protected_no_longer_takes_that_along(
        self, kept: Lobby, records: Records
    ) -> None:
        bo = prove(kept, 71, "bo")
        kept.types(bo, "/nick robert")
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick bo")
        assert [it[0] for it in records.names_had("bo")] == ["bo", "robert"]
        kept.types(bo, "/unprotect")
        assert records.names_had("bo") == ()
        protect(kept, bo, RIGHT, RIGHT)
        assert {it[0] for it in records.names_had("bo")} == {"bo", "robert"}

    def test_a_name_that_nobody_has_protected_is_written_nowhere(
        self, kept: Lobby, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (cy,) = kept.enter("cy")
        monkeypatch.setattr(records, "keep_names_had", never)
        kept.types(cy, "/nick ed")
        kept.chat.leave(cy, Reason.QUIT)

    @pytest.mark.usefixtures("al")
    def test_where_it_cannot_be_written_the_operator_is_told(self, kept: Lobby) -> None:
        bo = prove(kept, 71, "bo")
        bo.lines()
        kept.records.close()
        kept.types(bo, "/nick robert")
        assert bo.lines() == ["=== You are now robert."]
        (trouble,) = [it for it in kept.events if isinstance(it, Trouble)]
        assert "cannot be kept" in trouble.words


class TestMail:
    def test_that_of_the_ignored_is_not_handed_over(self, kept: Lobby, records: Records) -> None:
        al, bo, cy = kept.enter("al", "bo", "cy")
        protect(kept, al, RIGHT, RIGHT)
        kept.types(al, "/ignore bo")
        kept.chat.leave(al, Reason.QUIT)
        kept.types(bo, "/nick bob")
        kept.types(bo, "/msg al rude")
        kept.types(cy, "/msg al polite")
        again = prove(kept, 70, "al")
        again.lines()
        kept.chat.mail.hand_over(again)
        title, letter = again.lines()
        assert title == "=== A message came for you while you were not here:"
        assert letter.endswith("[cy -> you] polite")
        assert records.waiting("al") == []


class TestWhatWasSaid:
    def test_where_nothing_else_was_said(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.says(bo, "hi")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/last")
        assert al.lines() == ["=== All that is remembered of lobby is of those you ignore."]

    def test_it_goes_by_who_had_the_name_then(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.says(bo, "tea, said bo")
        lobby.types(bo, "/nick robert")
        lobby.says(bo, "tea, said robert")
        lobby.types(cy, "/nick bo")
        lobby.says(cy, "tea, said cy")
        lobby.types(al, "/ignore robert")
        al.lines()
        lobby.types(al, "/last")
        assert al.lines()[1:-1] == ["bo: tea, said cy"]
        lobby.types(al, "/search tea")
        (found,) = al.lines()
        assert found.endswith("bo: tea, said cy")

    def test_others_take_the_places_of_the_ignored(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.says(al, "tea one")
        for number in range(30):
            lobby.says(bo, f"tea {number}")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/last 1")
        assert al.lines()[1:-1] == ["al: tea one"]
        lobby.types(al, "/search tea")
        (found,) = al.lines()
        assert found.endswith("al: tea one")

    def test_it_is_left_out_of_a_replay(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(bo, "/join games")
        lobby.says(bo, "rude")
        lobby.types(cy, "/join games")
        lobby.says(cy, "polite")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/join games")
        assert al.lines() == [
            "=== You are in games.",
            "=== What was said before you came:",
            "cy: polite",
            "=== From here on it is live.",
        ]
