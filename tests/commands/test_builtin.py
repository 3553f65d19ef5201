import re
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from tests.lobby import Lobby, Somebody, Watcher, make_chat, make_person
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.cli.options import Options, variable_of
from threadchat.commands import people
from threadchat.commands.builtin import registry
from threadchat.commands.completion import complete
from threadchat.commands.registry import Call, Command, Misuse, Registry
from threadchat.messages.kinds import Emote, Say
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.records import Records
from threadchat.terminal.view import View
from threadchat.text.names import BadName


class TestDispatch:
    @pytest.mark.parametrize(
        ("typed", "closest"),
        [("hlep", "help"), ("whoo", "who"), ("nickname", "nick"), ("q", "quit"), ("m", "me")],
    )
    def test_an_unknown_command_names_the_closest(
        self, lobby: Lobby, typed: str, closest: str
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/{typed}")
        assert al.lines() == [
            f"!!! There is no /{typed}. Did you mean /{closest}? /help lists all."
        ]
        assert bo.lines() == []

    @pytest.mark.parametrize("line", ["/", "/ who"])
    def test_a_command_without_a_name(self, lobby: Lobby, line: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.lines() == ["!!! There is no command without a name. /help lists all."]

    def test_a_long_unknown_name_is_cut(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/" + "x" * 4000)
        (line,) = al.lines()
        assert line.startswith(f"!!! There is no /{'x' * 20}. ")

    @pytest.mark.parametrize(
        ("line", "usage"),
        [
            ("/who bo", "There is no room bo. /rooms lists all."),
            ("/nick", "Use it like this: /nick NAME - change your name."),
            ("/nick  ", "Use it like this: /nick NAME - change your name."),
            ("/me", "Use it like this: /me TEXT - say what you do, as in * al waves."),
        ],
    )
    def test_misuse_shows_the_right_use(self, lobby: Lobby, line: str, usage: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, line)
        assert al.lines() == [f"!!! {usage}"]
        assert bo.lines() == []

    def test_a_name_is_found_in_any_case(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/WHO")
        assert al.lines() == ["=== 1 person is here: al."]

    def test_an_answer_is_in_the_view_of_who_asked(self, lobby: Lobby) -> None:
        al, _ = lobby.enter("al", "José")
        al.format = View("cp1252")
        lobby.types(al, "/who")
        assert "José".encode("cp1252") in al.received

    def test_other_errors_are_not_hidden(self, lobby: Lobby) -> None:
        broken = Registry()

        @broken.command("break", "", "fail")
        def fail(chat: Chat, person: Person, argument: str) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            broken.dispatch(lobby.chat, Somebody(1), Call("break", ""))

    def test_a_command_registered_is_dispatched_with_its_argument(self, lobby: Lobby) -> None:
        own = Registry()
        calls: list[tuple[Chat, Person, str]] = []

        @own.command("try", "THING", "try a thing")
        def try_(chat: Chat, person: Person, argument: str) -> None:
            calls.append((chat, person, argument))

        al = Somebody(1)
        own.dispatch(lobby.chat, al, Call("try", "this"))
        assert calls == [(lobby.chat, al, "this")]

    def test_its_usage_is_shown_for_misuse(self, lobby: Lobby) -> None:
        own = Registry()

        @own.command("try", "THING", "try a thing")
        def try_(chat: Chat, person: Person, argument: str) -> None:
            raise Misuse

        al = Somebody(1)
        own.dispatch(lobby.chat, al, Call("try", ""))
        assert al.lines() == ["!!! Use it like this: /try THING - try a thing."]


class TestHelp:
    def test_it_lists_every_command_with_its_use(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        _, *listed, _ = al.lines()
        assert [line.removeprefix("===").split() for line in listed] == [
            [*command.usage.split(), *command.summary.split()]
            for command in registry.commands_for(al)
        ]

    def test_it_says_how_to_talk(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        first, *_, last = al.lines()
        assert "press Enter to say it to everyone" in first
        assert "//WORDS" in last

    def test_its_lines_fit_a_terminal(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        lines = al.lines()
        assert max(map(len, lines)) <= 80
        assert "".join(lines).isascii()

    def test_its_columns_are_in_line(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        _, *listed, _ = al.lines()
        known = registry.commands_for(al)
        columns = {line.index(it.summary) for line, it in zip(listed, known, strict=True)}
        assert len(columns) == 1

    @pytest.mark.parametrize("name", ["help", "who", "nick", "me", "quit"])
    def test_the_commands_there_are(self, name: str) -> None:
        assert name in [command.name for command in registry]


class TestWho:
    def test_it_lists_who_is_here_in_the_order_of_coming(self, lobby: Lobby) -> None:
        _, _, al = lobby.enter("cy", "bo", "al")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 3 people are here: cy, bo, al."]

    def test_nobody_else_is_told(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/who")
        assert bo.lines() == []

    def test_it_leaves_out_who_has_left(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.chat.leave(bo, Reason.CLOSED)
        al.lines()
        lobby.types(al, "/who")
        assert al.lines() == ["=== 1 person is here: al."]

    def test_with_nobody_here(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/join games")
        al.lines()
        lobby.types(al, "/who lobby")
        assert al.lines() == ["=== Nobody is in lobby yet."]

    def test_of_too_many_the_others_are_counted(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "MAX_NAMES_IN_WHO", 2)
        al, *_ = lobby.enter("al", "bo", "cy", "di")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 4 people are here: al, bo and 2 others."]

    def test_as_many_as_it_takes_are_all_named(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "MAX_NAMES_IN_WHO", 2)
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 2 people are here: al, bo."]


class TestNick:
    def test_who_asked_is_told(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/nick cy")
        assert al.name == "cy"
        assert al.lines() == ["=== You are now cy."]

    def test_the_others_are_shown_it(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick cy")
        assert bo.lines() == ["--- al is now cy"]

    def test_the_old_name_is_free_again(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick cy")
        lobby.types(bo, "/nick al")
        assert (al.name, bo.name) == ("cy", "al")

    def test_the_name_is_shown_as_it_was_cleaned(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/nick \uff43\uff59")
        assert al.lines() == ["=== You are now cy."]

    @pytest.mark.parametrize("name", ["bo", "BO", "\uff42o"])
    def test_a_name_in_use_is_refused(self, lobby: Lobby, name: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/nick {name}")
        (line,) = al.lines()
        assert line.startswith("!!! ")
        assert line.endswith("is taken. You are still al.")
        assert al.name == "al"
        assert bo.lines() == []

    @pytest.mark.parametrize("name", ["b0b", "B0", "\u0392\u039f"])
    def test_a_look_alike_is_refused(self, lobby: Lobby, name: str) -> None:
        al, _, _ = lobby.enter("al", "bob", "BO")
        lobby.types(al, f"/nick {name}")
        (line,) = al.lines()
        assert "looks too much like" in line
        assert line.endswith("who is here already. You are still al.")

    def test_a_bad_name_is_refused_with_its_reason(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick you")
        assert al.lines() == [
            "!!! you has a meaning of its own here and cannot be a name. You are still al."
        ]
        assert bo.lines() == []

    def test_a_refusal_leaves_the_old_name_taken(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick bo")
        al.lines()
        lobby.types(bo, "/nick al")
        assert bo.lines() == ["!!! al is taken. You are still bo."]

    def test_a_refused_name_stays_free(self, lobby: Lobby) -> None:
        al, bo, _ = lobby.enter("al", "bo", "c0y")
        lobby.types(al, "/nick coy")
        bo.lines()
        lobby.chat.leave(lobby.people["c0y"], Reason.CLOSED)
        lobby.types(bo, "/nick coy")
        assert bo.name == "coy"

    def test_the_own_name_changes_nothing(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick al")
        assert al.lines() == ["=== You are al already."]
        assert bo.lines() == []

    @pytest.mark.parametrize("name", ["AL", "a1", "Al"])
    def test_the_own_name_may_be_written_otherwise(self, lobby: Lobby, name: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/nick {name}")
        assert al.name == name
        assert bo.lines() == [f"--- al is now {name}"]

    def test_written_otherwise_it_is_still_taken(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick AL")
        bo.lines()
        lobby.types(bo, "/nick al")
        assert bo.lines() == ["!!! al is taken. You are still bo."]


class TestMe:
    def test_the_others_see_it(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/me waves  slowly")
        assert bo.lines() == cy.lines() == ["* al waves  slowly"]

    def test_it_is_remembered(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/me waves")
        (message,) = lobby.history.recent("lobby", 10)
        assert isinstance(message, Emote)
        assert (message.name, message.text) == ("al", "waves")


class TestQuit:
    @pytest.mark.parametrize(
        ("line", "why"),
        [("/quit", "quit"), ("/quit so long", "quit: so long"), ("/QUIT  bye ", "quit: bye")],
    )
    def test_a_person_leaves_with_their_words(self, lobby: Lobby, line: str, why: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.leaving == why

    def test_nobody_leaves_unasked(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/who")
        assert al.leaving is None

    def test_the_others_are_shown_the_words(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/quit so long")
        assert al.leaving is not None
        lobby.chat.leave(al, al.leaving)
        assert bo.lines() == ["<-- al left after 0 s (quit: so long)"]


class TestReadme:
    README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("command", list(registry), ids=lambda command: command.name)
    def test_its_table_has_the_command_as_help_has_it(self, command: Command) -> None:
        usage = command.usage.replace("|", "\\|")
        assert f"| `{usage}` | {command.summary} |\n" in self.README

    @pytest.mark.parametrize("option", [option.name for option in fields(Options)])
    def test_its_table_has_the_option(self, option: str) -> None:
        flag = option.replace("_", "-")
        assert re.search(rf"^\| `--{flag}.*`{variable_of(option)}` \|", self.README, re.M)


class TestWishes:
    """What people can choose of how they see the chat."""

    @pytest.mark.parametrize(
        ("line", "view"),
        [
            ("/color on", View(has_color=True)),
            ("/color off", View()),
            ("/time on", View(has_times=True)),
            ("/bell ON", View(has_bell=True)),
        ],
    )
    def test_each_changes_the_view(self, lobby: Lobby, line: str, view: View) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.format == view

    def test_colours_come_with_character_mode_unless_switched_off(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        al.adapt(View(), is_in_character_mode=True)
        assert al.appearance.view.has_color
        lobby.types(al, "/color off")
        al.adapt(View(), is_in_character_mode=False)
        al.adapt(View(), is_in_character_mode=True)
        assert not al.appearance.view.has_color

    @pytest.mark.parametrize("line", ["/color", "/time maybe", "/bell 1", "/charmode", "/charset"])
    def test_a_wrong_use_shows_the_right_one(self, lobby: Lobby, line: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        (answer,) = al.lines()
        assert answer.startswith(f"!!! Use it like this: {line.split()[0]} ")


class TestCompletion:
    @pytest.mark.parametrize(
        ("text", "completion"),
        [
            ("/w", (0, ["/who ", "/whois "])),
            ("/ch", (0, ["/charset ", "/charmode "])),
            ("/x", (0, [])),
            ("A", (0, ["al: ", "Alfred: "])),
            ("hi al", (3, ["al ", "Alfred "])),
            ("/me hugs b", (9, ["bo "])),
            ("", (0, [])),
            ("hi ", (3, [])),
        ],
    )
    def test_names_and_commands(
        self, lobby: Lobby, text: str, completion: tuple[int, list[str]]
    ) -> None:
        lobby.enter("al", "bo", "Alfred")
        start, found = complete(registry, lobby.chat, text)
        assert (start, sorted(found, key=str.casefold)) == (
            completion[0],
            sorted(completion[1], key=str.casefold),
        )


class TestPrivate:
    def test_only_the_two_see_it(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/msg BO hi there")
        assert bo.lines() == ["[al -> you] hi there"]
        assert al.lines() == ["[you -> bo] hi there"]
        assert cy.lines() == []
        assert lobby.history.recent("lobby", 10) == []

    def test_a_reply_goes_to_who_wrote_last(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(cy, "/msg al one")
        lobby.types(bo, "/msg al two")
        lobby.types(al, "/r three")
        assert bo.lines()[-1] == "[al -> you] three"
        assert cy.lines() == ["[you -> al] one"]

    def test_it_is_marked_and_rings(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        bo.show(color=True, bell=True)
        lobby.types(al, "/msg bo hi")
        assert bo.lines() == ["\a\x1b[1m[al -> you] hi\x1b[m"]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/msg", "!!! Use it like this: /msg NAME WORDS"),
            ("/msg bo", "!!! Use it like this: /msg NAME WORDS"),
            ("/msg bob hi", "!!! Nobody here is called bob. /who lists everyone."),
            ("/msg al hi", "!!! That is you."),
            ("/reply", "!!! Use it like this: /reply WORDS"),
            ("/reply hi", "!!! Nobody has written to you alone yet."),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)

    def test_a_reply_to_who_has_left(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(bo, "/msg al hi")
        lobby.chat.leave(bo, "quit")
        al.lines()
        lobby.types(al, "/reply hi")
        assert al.lines() == ["!!! Nobody here is called bo. /who lists everyone."]


class TestRooms:
    def test_each_hears_its_own(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/join games")
        assert bo.lines() == ["<-- al left after 0 s (went to games)"]
        assert al.lines() == ["=== You are in games."]
        lobby.types(bo, "/join #GAMES")
        assert al.lines() == ["--> bo joined (2 here)"]
        cy.lines()
        lobby.says(al, "in games")
        assert bo.lines() == ["=== You are in games.", "al: in games"]
        assert cy.lines() == []

    def test_going_back_to_the_lobby(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.types(al, "/leave")
        assert al.lines() == ["=== You are in games.", "=== You are in lobby."]
        assert bo.lines()[-1] == "--> al joined (2 here)"

    def test_a_room_lasts_as_long_as_somebody_is_in_it_and_its_history_longer(
        self, lobby: Lobby
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.says(al, "remember")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby", "games"]
        lobby.types(al, "/leave")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby"]
        lobby.types(bo, "/join games")
        assert "al: remember" in bo.lines()

    def test_the_list_of_rooms(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.types(al, "/topic chess tonight")
        al.lines()
        lobby.types(al, "/rooms")
        assert al.lines() == [
            "=== lobby    1",
            "=== games    1  chess tonight  <- you are here",
        ]
        lobby.types(bo, "/who games")
        assert bo.lines()[-1] == "=== 1 person is in games: al."

    def test_a_topic_is_announced_and_shown_to_newcomers(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/topic")
        lobby.types(al, "/topic lunch")
        assert al.lines() == ["=== This room has no topic.", "=== Topic: lunch"]
        assert bo.lines() == ["--- al set the topic: lunch"]
        lobby.types(bo, "/join games")
        lobby.types(bo, "/leave")
        assert bo.lines()[-2:] == ["=== You are in lobby.", "=== Topic: lunch"]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/join", "!!! Use it like this: /join ROOM"),
            ("/join a b", "!!! No room can be called that. A name is made of"),
            ("/join lobby", "!!! You are in lobby already."),
            ("/leave", "!!! You are in the lobby. /quit leaves the chat."),
            ("/leave now", "!!! Use it like this: /leave"),
            ("/rooms x", "!!! Use it like this: /rooms"),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)
        assert al.room is lobby.chat.lobby

    def test_who_leaves_the_chat_leaves_their_room(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        for person in (al, bo):
            lobby.types(person, "/join games")
        lobby.chat.leave(bo, "quit")
        assert al.lines()[-1] == "<-- bo left after 0 s (quit)"
        lobby.chat.leave(al, "quit")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby"]


class TestAbsence:
    def test_it_is_announced_shown_and_ended_by_speaking(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/away lunch")
        assert al.lines() == ["=== You are away. When you speak, you are back."]
        lobby.types(bo, "/who")
        lobby.types(bo, "/msg al hi")
        assert bo.lines() == [
            "--- al is away (lunch)",
            "=== 2 people are here: al (away: lunch), bo.",
            "[you -> al] hi",
            "=== al (away: lunch) will see it when back.",
        ]
        lobby.says(al, "hello")
        lobby.says(al, "again")
        assert bo.lines() == ["--- al is back", "al: hello", "al: again"]
        assert al.away is None

    def test_silence_is_shown_from_a_minute_on(self, unkept: Records) -> None:
        now = 1000.0
        chat = make_chat(unkept, Watcher(), clock=lambda: now)
        al = Somebody(1)
        chat.names.claim(al, "al")
        chat.enter(al)
        al.lines()
        now = 1059.0
        registry.dispatch(chat, al, Call("who", ""))
        now = 1200.0
        registry.dispatch(chat, al, Call("who", ""))
        registry.dispatch(chat, al, Call("whois", "AL"))
        assert al.lines() == [
            "=== 1 person is here: al.",
            "=== 1 person is here: al (idle 3 min).",
            "=== al (idle 3 min) is in lobby, here for 3 min, number 1.",
        ]
        chat.close()


class TestIgnoring:
    def test_nothing_of_the_ignored_is_shown(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore BO")
        assert al.lines() == ["=== You are shown nothing more of bo. /unignore undoes it."]
        lobby.says(bo, "hi al")
        lobby.types(bo, "/me waves")
        lobby.types(bo, "/msg al psst")
        lobby.types(bo, "/nick ed")
        lobby.says(bo, "still me")
        lobby.says(cy, "hello")
        assert al.lines() == ["--- bo is now ed", "cy: hello"]
        assert "bo: hi al" in cy.lines()
        lobby.types(al, "/unignore ed")
        lobby.says(bo, "back")
        assert al.lines() == ["=== You are shown what ed says again.", "ed: back"]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/ignore", "!!! Use it like this: /ignore NAME"),
            ("/ignore al", "!!! That is you."),
            ("/ignore x", "!!! Nobody here is called x."),
            ("/unignore bo", "!!! You do not ignore bo."),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)


class TestLostNames:
    """A name lost with its connection is kept for two minutes for the same address."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def chat(self, now: list[float], unkept: Records) -> Iterator[Chat]:
        chat = make_chat(unkept, Watcher(), clock=lambda: now[0])
        yield chat
        chat.close()

    def lose(self, chat: Chat, why: str) -> None:
        al = make_person(1, "10.0.0.1:5000")
        chat.names.claim(al, "al")
        chat.enter(al)
        chat.leave(al, why)

    @pytest.mark.parametrize("why", [Reason.RESET, Reason.TIMED_OUT, Reason.TOO_SLOW])
    def test_another_address_does_not_get_it(self, chat: Chat, why: str) -> None:
        self.lose(chat, why)
        with pytest.raises(BadName, match="AL is kept for somebody whose connection broke"):
            chat.names.claim(make_person(2, "10.0.0.2:5000"), "AL")

    def test_the_same_address_does(self, chat: Chat) -> None:
        self.lose(chat, Reason.RESET)
        back = make_person(2, "10.0.0.1:5001")
        chat.names.claim(back, "al")
        assert back.name == "al"

    @pytest.mark.parametrize(
        ("why", "seconds"), [(Reason.QUIT, 0), (Reason.CLOSED, 0), (Reason.RESET, 120)]
    )
    def test_others_get_it_when_it_was_given_up_or_time_is_up(
        self, chat: Chat, now: list[float], why: str, seconds: float
    ) -> None:
        self.lose(chat, why)
        now[0] += seconds
        other = make_person(2, "10.0.0.2:5000")
        chat.names.claim(other, "al")
        assert other.name == "al"

    def test_what_is_kept_is_forgotten_in_time(self, chat: Chat, now: list[float]) -> None:
        for number in range(100):
            person = make_person(number, "10.0.0.1:5000")
            chat.names.claim(person, f"n{number}")
            chat.enter(person)
            chat.leave(person, Reason.RESET)
            now[0] += 30
        assert len(chat.names._kept) <= 5


class TestMemory:
    """/last and /search: what was said before."""

    def fill(self, lobby: Lobby, room: str, *texts: str) -> None:
        lobby.history.append(room, [Say("cy", text, 1e9 + at) for at, text in enumerate(texts)])

    @pytest.mark.parametrize(("typed", "shown"), [("/last", 20), ("/last 3", 3), ("/last 200", 30)])
    def test_last_shows_as_many_as_asked_for(self, lobby: Lobby, typed: str, shown: int) -> None:
        al, bo = lobby.enter("al", "bo")
        self.fill(lobby, "lobby", *map(str, range(30)))
        self.fill(lobby, "den", "elsewhere")
        lobby.types(al, typed)
        begin, *lines, end = al.lines()
        assert begin == f"=== The last {shown} of what was said in lobby:"
        assert lines == [f"cy: {number}" for number in range(30 - shown, 30)]
        assert end == "=== That was it. From here on it is live."
        assert bo.lines() == []

    def test_last_is_of_the_room_where_one_is(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "elsewhere")
        self.fill(lobby, "Den", "here")
        lobby.types(al, "/join den")
        al.lines()
        lobby.types(al, "/last 1")
        assert al.lines()[1:-1] == ["cy: here"]

    def test_last_and_search_leave_out_whom_one_ignores(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.says(bo, "buy tea")
        lobby.says(al, "no tea")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/last")
        assert al.lines()[1:-1] == ["al: no tea"]
        lobby.types(al, "/search tea")
        (found,) = al.lines()
        assert found.endswith("lobby al: no tea")

    def test_last_where_nothing_was_said(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/last")
        assert al.lines() == ["=== Nothing was said in lobby yet."]

    def test_last_has_times_for_who_wants_them(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "hi")
        al.show(times=True)
        lobby.types(al, "/last")
        assert re.fullmatch(r"\d\d:\d\d cy: hi", al.lines()[1])

    def test_last_fits_a_clients_queue(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *("漢" * 4000 for _ in range(200)))
        lobby.types(al, "/last 200")
        assert len(al.received) < MAX_QUEUED / 2
        assert al.lines()[0] == ("=== The last 8 of what was said in lobby, as no more than 8 fit:")

    @pytest.mark.parametrize("number", ["0", "-1", "201", "x", "1 2", "1.5", "٣", "9" * 5000])
    def test_last_used_in_a_wrong_way(self, lobby: Lobby, number: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, f"/last {number}")
        (line,) = al.lines()
        assert line.startswith(
            "!!! Use it like this: /last [N] - show the last 20 things said here"
        )

    def test_search_shows_when_and_where_the_newest_first(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "Lunch at noon?", "yes", "lunch it is")
        lobby.history.append("den", [Emote("bo", "has lunch", 2e9)])
        lobby.types(al, "/search LUNCH")
        when, earlier = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (2e9, 1e9))
        assert al.lines() == [
            f"=== {when} den * bo has lunch",
            f"=== {earlier} lobby cy: lunch it is",
            f"=== {earlier} lobby cy: Lunch at noon?",
        ]

    def test_search_shows_no_more_than_twenty(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *(f"word {number}" for number in range(30)))
        lobby.types(al, "/search word")
        lines = al.lines()
        assert len(lines) == 20
        assert lines[0].endswith("cy: word 29")

    def test_search_for_what_was_not_said(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "hi")
        lobby.types(al, '/search hi "there')
        assert al.lines() == ["=== Nothing that was said has all of these words."]

    def test_search_fits_a_clients_queue(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *("漢" * 4000 for _ in range(30)))
        lobby.types(al, "/search 漢")
        assert len(al.received) < MAX_QUEUED / 2
        assert len(al.lines()) == 8

    def test_search_for_nothing(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/search")
        assert al.lines() == [
            "!!! Use it like this: /search WORDS - find what was said with all these words,"
            " newest first."
        ]
