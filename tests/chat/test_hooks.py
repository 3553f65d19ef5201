"""Hooks: their names, what they say, what keeps them from it, and their end."""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.support.chats import Lobby, Somebody, make_chat, protect
from tests.support.observer import Recorder
from tests.support.waiting import run_concurrently, wait_until
from threadchat.access.bans import parse_target
from threadchat.chat.hooks import (
    BURST,
    MAX_HOOKS,
    MAX_LINES,
    NOTE_EVERY,
    Hook,
    MayNotSpeak,
    NoSuchHook,
    NothingToSay,
    TooFast,
    TooManyLines,
    lines_of,
)
from threadchat.chat.person import Person
from threadchat.commands.completion import complete
from threadchat.errors import PersonError
from threadchat.monitoring.events import Posted
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records, RecordsFailed
from threadchat.text.clean import MAX_LINE
from threadchat.text.names import BadName

FROM = "192.0.2.99", "192.0.2.99:5000"


def add(lobby: Lobby, name: str = "ci", room: str = "lobby") -> Hook:
    _, token = lobby.chat.hooks.add(name, room)
    return lobby.chat.hooks.find(token)


def say(lobby: Lobby, hook: Hook, text: str, source: tuple[str, str] = FROM) -> None:
    lobby.chat.hooks.say(hook, text, *source)


class TestNames:
    def test_nobody_else_can_have_the_name_or_one_like_it(self, lobby: Lobby) -> None:
        al, _ = lobby.enter("al", "bo")
        add(lobby, "Ci1")
        for name in ("ci1", "CI1", "cil", "ciI"):
            lobby.types(al, f"/nick {name}")
            assert "ci" in al.lines()[0].lower()
            assert al.name == "al"
        assert lobby.chat.hooks.remove("ci1") is not None
        lobby.types(al, "/nick ci1")
        assert al.name == "ci1"

    def test_the_refusal_says_that_it_is_a_hook(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        add(lobby)
        lobby.types(al, "/nick ci")
        assert al.lines()[0].startswith("!!! ci is taken, from a hook, since ")

    @pytest.mark.parametrize("name", ["al", "AL", "a1"])
    def test_one_that_somebody_has_is_not_given_to_a_hook(self, lobby: Lobby, name: str) -> None:
        lobby.enter("al")
        with pytest.raises(BadName, match=r"(?i)al.*Choose another name for the hook\.$"):
            lobby.chat.hooks.add(name, "games")
        assert lobby.chat.hooks.all() == []
        assert not lobby.chat.has_room("games")

    def test_nor_is_one_that_is_protected(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, "correct horse", "correct horse")
        kept.chat.leave(al, Reason.QUIT)
        for name in ("al", "a1"):
            with pytest.raises(BadName, match=r"protected.*another name"):
                kept.chat.hooks.add(name, "games")

    @pytest.mark.parametrize("name", ["", "c i", "-ci", "x" * 21, "admin", "server", "c\x1b[mi"])
    def test_it_is_a_name_as_people_have(self, lobby: Lobby, name: str) -> None:
        with pytest.raises(BadName):
            lobby.chat.hooks.add(name, "games")

    @pytest.mark.parametrize("room", ["", "a b", "x" * 21, "a/b"])
    def test_so_is_that_of_its_room(self, lobby: Lobby, room: str) -> None:
        with pytest.raises(BadName, match="No room can be called that"):
            lobby.chat.hooks.add("ci", room)
        assert not lobby.chat.names.is_here("ci")

    def test_there_is_one_hook_of_a_name(self, lobby: Lobby) -> None:
        add(lobby, "ci", "games")
        with pytest.raises(BadName, match=r"ci is a hook already, for games\. unhook ci ends it"):
            lobby.chat.hooks.add("CI", "lobby")

    def test_there_are_so_many_hooks_at_most(self, lobby: Lobby) -> None:
        for number in range(MAX_HOOKS):
            lobby.chat.hooks.add(f"{number}ci", "games")
        with pytest.raises(PersonError, match="unhook NAME ends one"):
            lobby.chat.hooks.add("one-more", "games")
        assert len(lobby.chat.hooks.all()) == MAX_HOOKS

    def test_of_two_that_add_the_same_at_once_one_has_it(self, lobby: Lobby) -> None:
        failed: list[str] = []

        def one() -> None:
            try:
                lobby.chat.hooks.add("ci", "games")
            except BadName as error:
                failed.append(str(error))

        run_concurrently([one] * 4)
        assert len(failed) == 3
        assert lobby.chat.hooks.names() == ["ci"]


class TestTokens:
    def test_each_finds_its_hook_and_nothing_else_does(self, lobby: Lobby) -> None:
        tokens = {name: lobby.chat.hooks.add(name, "games")[1] for name in ("ci", "cron")}
        for name, token in tokens.items():
            assert lobby.chat.hooks.find(token).name == name
            assert token not in repr(lobby.chat.hooks.all())
        words = set()
        for token in ("", "x", tokens["ci"] + "x", tokens["ci"].lower(), "\xff" * 999):
            with pytest.raises(NoSuchHook) as caught:
                lobby.chat.hooks.find(token)
            words.add(str(caught.value))
        assert len(words) == 1
        lobby.chat.hooks.remove("ci")
        with pytest.raises(NoSuchHook):
            lobby.chat.hooks.find(tokens["ci"])


class TestSaying:
    def test_the_words_are_said_in_its_room_in_one_piece(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(bo, "/join games")
        bo.lines()
        al.lines()
        hook = add(lobby, "ci", "Games")
        say(lobby, hook, "build 512 failed\r\n\n  see the log  ")
        assert bo.lines() == ["ci: build 512 failed", "ci:   see the log"]
        assert al.lines() == []
        assert [it.line for it in lobby.history.recent("games", 9)] == [
            "ci: build 512 failed",
            "ci:   see the log",
        ]
        assert [it.seq for it in lobby.history.recent("games", 9)] == [1, 2]

    def test_nobody_comes_between_the_lines_of_a_post(self, lobby: Lobby) -> None:
        people = lobby.enter("al", "bo", "cy")
        ones = [add(lobby, name) for name in ("ci", "cron")]
        ones[0].allowance._burst = ones[0].allowance._left = 1e9
        ones[1].allowance._burst = ones[1].allowance._left = 1e9

        def posting(hook: Hook) -> None:
            for number in range(20):
                say(lobby, hook, "\n".join(f"{number} {at}" for at in range(5)))

        def talking(person: Person) -> None:
            for number in range(50):
                lobby.says(person, str(number))

        run_concurrently(
            [
                *(lambda hook=hook: posting(hook) for hook in ones),
                *(lambda person=person: talking(person) for person in people[1:]),
            ]
        )
        wait_until(lambda: len(lobby.history.recent("lobby", 999)) == 300, "all is said")
        lines = [it.line for it in lobby.history.recent("lobby", 999)]
        for name in ("ci", "cron"):
            own = [line for line in lines if line.startswith(f"{name}: ")]
            assert own == [f"{name}: {number} {at}" for number in range(20) for at in range(5)]
            for post in range(0, len(own), 5):
                begin = lines.index(own[post])
                assert lines[begin : begin + 5] == own[post : post + 5]
        assert people[0].lines() == lines

    def test_it_returns_once_everybody_was_shown_it(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        hook = add(lobby)
        shown: list[int] = []

        class Waiting:
            def __init__(self) -> None:
                self.barrier = Barrier(2)

            def __call__(self, data: bytes) -> None:
                if b"slowly" in data:
                    self.barrier.wait(20)
                    self.barrier.wait(20)

        waiting = Waiting()
        al.deliver = waiting
        talker = Thread(target=lobby.says, args=(bo, "slowly"))
        talker.start()
        waiting.barrier.wait(20)  # bo's thread has the turn of the room

        def post() -> None:
            say(lobby, hook, "hi")
            shown.append(lobby.history.last_place("lobby").seq)

        poster = Thread(target=post)
        poster.start()
        wait_until(lambda: lobby.chat.lobby.pending == 2, "the post waits")
        assert shown == []
        waiting.barrier.wait(20)
        poster.join(20)
        talker.join(20)
        assert shown == [2]

    def test_what_could_harm_a_screen_is_taken_out(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        hook = add(lobby)
        say(lobby, hook, "\x1b[31mred\x07\x9b2J \u202eevil\nbo: forged\x0b--> cy joined\u2028=== x")
        assert al.lines() == [
            "ci: red evil",
            "ci: bo: forged",
            "ci: --> cy joined",
            "ci: === x",
        ]

    def test_a_long_line_goes_on_in_the_next(self) -> None:
        text = "x" * MAX_LINE + "y" * MAX_LINE + "z"
        assert lines_of(text) == ["x" * MAX_LINE, "y" * MAX_LINE, "z"]

    @pytest.mark.parametrize("text", ["", " \n\t\n", "\x1b[31m", "\u200b\n\u2060"])
    def test_what_shows_nothing_is_not_said(self, lobby: Lobby, text: str) -> None:
        hook = add(lobby)
        with pytest.raises(NothingToSay):
            say(lobby, hook, text)
        assert hook.kept.used == 0

    def test_a_post_has_so_many_lines_at_most(self, lobby: Lobby) -> None:
        hook = add(lobby)
        say(lobby, hook, "x\n\n" * MAX_LINES)
        with pytest.raises(TooManyLines, match="That has 21 lines"):
            say(lobby, hook, "x\n" * (MAX_LINES + 1))

    def test_too_much_at_once_is_told_when_to_come_again(self, lobby: Lobby) -> None:
        hook, other = add(lobby, "ci"), add(lobby, "cron")
        for _ in range(3):
            say(lobby, hook, "x\n" * MAX_LINES)
        with pytest.raises(TooFast, match="Wait 20 s") as caught:
            say(lobby, hook, "x\n" * MAX_LINES)
        assert caught.value.seconds == 20
        say(lobby, other, "x")
        lobby.now[0] += 20
        say(lobby, hook, "x\n" * MAX_LINES)

    def test_long_lines_count_as_several(self, lobby: Lobby) -> None:
        hook = add(lobby)
        say(lobby, hook, "x" * 16_000)
        with pytest.raises(TooFast):
            say(lobby, hook, "x" * 16_000)

    def test_no_post_is_too_long_to_be_said_ever(self, lobby: Lobby) -> None:
        hook = add(lobby)
        say(lobby, hook, "\u20ac" * 16_384)
        with pytest.raises(TooFast, match=f"Wait {BURST:.0f} s"):
            say(lobby, hook, "\u20ac" * 16_384)
        lobby.now[0] += BURST
        say(lobby, hook, "\u20ac" * 16_384)

    def test_its_room_is_there_though_nobody_is_in_it(self, lobby: Lobby) -> None:
        hook = add(lobby, "ci", "#games")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby", "games"]
        say(lobby, hook, "before")
        (al,) = lobby.enter("al")
        lobby.types(al, "/join games")
        assert "ci: before" in al.lines()
        assert lobby.chat.hooks.remove("ci") is not None
        with pytest.raises(NoSuchHook):
            say(lobby, hook, "after")
        assert lobby.chat.has_room("games")
        lobby.types(al, "/leave")
        assert not lobby.chat.has_room("games")

    def test_it_is_in_no_list_and_counts_as_nobody(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        hook = add(lobby)
        say(lobby, hook, "hi")
        assert [it.name for it in lobby.chat.people()] == ["al"]
        lobby.types(al, "/who")
        assert "ci" not in al.lines()[-1]
        lobby.types(al, "/whois ci")
        line = "=== ci is a hook, by which a program speaks in lobby, here for 0 s."
        assert al.lines() == [line]

    def test_each_post_is_noted_for_the_log(self, lobby: Lobby) -> None:
        hook = add(lobby, "ci", "games")
        say(lobby, hook, "one\ntwo")
        posted = [it for it in lobby.events if isinstance(it, Posted)]
        assert posted == [Posted("ci", "games", "192.0.2.99:5000", 2, "hook")]

    def test_it_is_completed_as_people_are(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("cid")
        add(lobby)
        add(lobby, "Cron")
        assert complete(lobby.commands, lobby.chat, al, "c") == (0, ["Cron: ", "ci: ", "cid: "])
        assert complete(lobby.commands, lobby.chat, al, "/mute cr")[1] == ["Cron "]


class TestWhatKeepsItFromThat:
    @pytest.fixture
    def hook(self, lobby: Lobby) -> Iterator[Hook]:
        self.lobby = lobby
        self.al, self.bo = lobby.enter("al", "bo")
        self.al.is_operator = True
        hook = add(lobby)
        yield hook
        say(lobby, hook, "again")
        assert self.bo.lines()[-1] == "ci: again"

    def refused(self, hook: Hook) -> str:
        self.bo.lines()
        with pytest.raises(MayNotSpeak) as caught:
            say(self.lobby, hook, "hi")
        assert self.bo.lines() == []
        return str(caught.value)

    def test_a_mute(self, hook: Hook) -> None:
        self.lobby.types(self.al, "/mute CI 10m")
        assert "ci is muted for 10 min" in self.al.lines()[0]
        assert "ci is muted for 10 min" in self.refused(hook)
        self.lobby.types(self.al, "/unmute ci")
        assert self.al.lines() == ["=== ci may speak again."]

    def test_a_mute_for_good(self, hook: Hook) -> None:
        self.lobby.types(self.al, "/mute ci")
        assert self.refused(hook) == "ci is muted for good: nobody was shown that."
        self.lobby.chat.moderation.unmute("ci")

    def test_a_mute_of_where_it_posts_from(self, hook: Hook) -> None:
        target = parse_target(FROM[0])
        self.lobby.chat.moderation.mute(target, math.inf)
        assert self.refused(hook) == "Your address is muted for good: nobody was shown that."
        self.lobby.chat.moderation.mute("ci", 600.0)
        assert self.refused(hook).startswith("ci is muted for 10 min")
        self.lobby.chat.moderation.unmute("ci")
        self.lobby.chat.moderation.unmute(target)

    @pytest.mark.parametrize("target", ["ci", "192.0.2.99", "192.0.2.0/24"])
    def test_a_ban(self, hook: Hook, target: str) -> None:
        self.lobby.chat.records.ban(parse_target(target), "op", "broken")
        assert "banned here" in self.refused(hook)
        self.lobby.chat.records.unban(parse_target(target))

    def test_it_cannot_be_kicked_made_an_operator_or_written_to(self, hook: Hook) -> None:
        for line, words in (
            ("/kick ci", "unhook ci at the server's own terminal ends it"),
            ("/deop ci", "is a hook"),
            ("/op ci", "types no commands"),
            ("/msg ci hi", "nobody listens"),
        ):
            self.lobby.types(self.al, line)
            (answer,) = self.al.lines()
            assert answer.startswith("!!! ci is a hook")
            assert words in answer
        assert not hook.is_operator

    def test_its_lines_can_be_taken_back_and_ignored(self, hook: Hook) -> None:
        say(self.lobby, hook, "oops")
        self.bo.lines()
        self.lobby.types(self.al, "/unsay ci")
        assert self.bo.lines() == ["--- a line of ci was taken back"]
        self.lobby.types(self.bo, "/ignore ci")
        self.bo.lines()
        say(self.lobby, hook, "hidden")
        assert self.bo.lines() == []
        self.lobby.types(self.bo, "/unignore ci")
        self.bo.lines()


class TestTheEnd:
    def test_of_none_is_told(self, lobby: Lobby) -> None:
        assert lobby.chat.hooks.remove("ci") is None

    def test_a_post_under_way_is_not_said(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        hook = add(lobby)  # as one that is found before its post has come in
        lobby.chat.hooks.remove("ci")
        with pytest.raises(NoSuchHook):
            say(lobby, hook, "late")
        assert al.lines() == []

    def test_it_waits_for_a_post_that_is_being_said(self, lobby: Lobby) -> None:
        hook = add(lobby)
        hook.speaking.acquire()
        ended: list[bool] = []
        thread = Thread(target=lambda: ended.append(bool(lobby.chat.hooks.remove("ci"))))
        thread.start()
        wait_until(lambda: lobby.chat.hooks.called("ci") is None, "its token is no good any more")
        assert lobby.chat.names.is_here("ci")
        hook.speaking.release()
        thread.join(20)
        assert ended == [True]
        assert not lobby.chat.names.is_here("ci")


class TestARestart:
    def test_they_are_there_again_with_how_often_they_were_used(
        self, kept: Lobby, file: Path
    ) -> None:
        made, token = kept.chat.hooks.add("Ci1", "games")
        assert kept.chat.hooks.are_lasting
        hook = kept.chat.hooks.find(token)
        for _ in range(3):
            say(kept, hook, "hi")
        kept.chat.close()
        with closing(Records(file)) as records:
            (hook_again,) = records.hooks.at_start
            assert (hook_again.used, hook_again.since) == (3, made.since)
            chat = make_chat(records, Recorder())
            try:
                assert chat.hooks.find(token).name == "Ci1"
                assert chat.has_room("games")
                with pytest.raises(BadName, match="from a hook, since"):
                    chat.names.claim(Somebody(1), "ci1")
                with pytest.raises(BadName, match="too much like Ci1"):
                    chat.names.claim(Somebody(1), "cil")
                assert chat.names.find_called("ci1").had("ci1", made.since)
            finally:
                chat.close()

    def test_how_often_is_written_down_now_and_then(self, kept: Lobby, file: Path) -> None:
        def written() -> int:
            with closing(Records(file)) as records:
                return records.hooks.at_start[0].used

        hook = add(kept)
        say(kept, hook, "one")
        assert written() == 1
        say(kept, hook, "two")
        assert written() == 1
        kept.now[0] += NOTE_EVERY
        say(kept, hook, "three")
        assert written() == 3

    def test_without_a_file_they_end_with_the_server(self, lobby: Lobby) -> None:
        assert not lobby.chat.hooks.are_lasting

    def test_a_file_that_fails_keeps_no_hook_from_speaking(
        self, kept: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (al,) = kept.enter("al")
        hook = add(kept)
        kept.records._connection.execute("DROP TABLE hooks")
        say(kept, hook, "hi")
        assert al.lines() == ["ci: hi"]
        with pytest.raises(RecordsFailed):
            kept.chat.hooks.add("cron", "lobby")
        assert not kept.chat.names.is_here("cron")
        with pytest.raises(RecordsFailed, match="no hook any more"):
            kept.chat.hooks.remove("ci")
        assert kept.chat.hooks.all() == []
        assert not kept.chat.names.is_here("ci")
