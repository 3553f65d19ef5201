"""What `/help` shows, and that it fits a screen of 24 rows of 80 columns."""

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Command

ROWS, COLUMNS = 24, 80

TOPICS = ["talk", "people", "rooms", "settings", "operators"]


@pytest.fixture(params=[False, True], ids=["a person", "an operator"])
def al(lobby: Lobby, request: pytest.FixtureRequest) -> Somebody:
    (al,) = lobby.enter("al")
    al.is_operator = request.param
    return al


def answer(lobby: Lobby, person: Somebody, line: str) -> list[str]:
    """Return the answer to `line`, which fits a screen with the prompt below it."""
    lobby.types(person, line)
    lines = person.lines()
    assert len(lines) < ROWS
    assert max(map(len, lines)) <= COLUMNS
    assert "".join(lines).isascii()
    return lines


class TestOverview:
    def test_it_names_every_command_once_under_its_topic(self, lobby: Lobby, al: Somebody) -> None:
        _, *rows, _, _ = answer(lobby, al, "/help")
        under: dict[str, list[str]] = {}
        for row in rows:
            head, *names = row.removeprefix("===   ").split()
            if head.startswith("/"):  # the row of a topic goes on
                names.insert(0, head)
            else:
                topic = head
            under.setdefault(topic, []).extend(names)
        assert list(under) == TOPICS
        assert under == {
            topic: [f"/{command.name}" for command in commands]
            for topic, commands in lobby.commands.topics_for(al).items()
        }

    def test_it_says_how_to_talk_and_how_to_read_on(self, lobby: Lobby, al: Somebody) -> None:
        first, *_, more, last = answer(lobby, al, "/help")
        assert "press Enter to say it to everyone" in first
        assert more == (
            "=== /help rooms explains the commands of that topic, /help COMMAND a single one."
        )
        assert "//WORDS" in last

    def test_a_program_that_embeds_the_server_has_a_topic_of_its_own(self, lobby: Lobby) -> None:
        def play(chat: Chat, person: Person, argument: str) -> None:
            """Do nothing."""

        lobby.commands = make_registry(
            [
                Command("roll", "[SIDES]", "roll a die", play),
                Command("chess", "NAME", "play chess with somebody", play, topic="games"),
            ]
        )
        (bo,) = lobby.enter("bo")
        rows = answer(lobby, bo, "/help")
        assert "===   more       /roll" in rows
        assert "===   games      /chess" in rows
        assert answer(lobby, bo, "/help games") == [
            "=== Commands of the topic games:",
            "===   /chess NAME  play chess with somebody",
        ]


class TestTopics:
    @pytest.mark.parametrize("topic", TOPICS)
    def test_each_shows_its_commands_with_use_and_summary(
        self, lobby: Lobby, al: Somebody, topic: str
    ) -> None:
        title, *rows = answer(lobby, al, f"/help {topic}")
        assert title == f"=== Commands of the topic {topic}:"
        shown = " ".join(word for row in rows for word in row.removeprefix("===").split())
        for command in lobby.commands.topics_for(al)[topic]:
            assert f"{command.usage} {command.summary}" in shown

    def test_its_columns_are_in_line(self, lobby: Lobby, al: Somebody) -> None:
        _, *rows = answer(lobby, al, "/help people")
        commands = lobby.commands.topics_for(al)["people"]
        assert len({row.index(it.summary) for row, it in zip(rows, commands, strict=True)}) == 1

    def test_a_use_that_is_long_has_a_row_of_its_own(self, lobby: Lobby, al: Somebody) -> None:
        al.is_operator = True
        rows = answer(lobby, al, "/help operators")
        at = rows.index("===   /ban NAME|ADDRESS|NETWORK [TIME] [WHY]")
        assert rows[at + 1].split("  ")[-1].strip() == "keep a name, an address or a network out"

    def test_rooms_is_a_topic_and_a_command(self, lobby: Lobby, al: Somebody) -> None:
        rows = answer(lobby, al, "/help ROOMS")
        assert rows[0] == "=== Commands of the topic rooms:"
        assert rows[-2:] == [
            "=== /rooms [WORD] - list the rooms, with number of people and topic.",
            "===   Also: /list, /channels",
        ]
        assert answer(lobby, al, "/help /rooms") == rows[-2:]

    def test_others_than_operators_see_what_is_for_them(self, lobby: Lobby) -> None:
        (bo,) = lobby.enter("bo")
        rows = answer(lobby, bo, "/help operators")
        assert [row.split()[1] for row in rows[1:]] == ["/motd", "/op"]


@pytest.mark.parametrize("command", list(make_registry()), ids=lambda command: str(command.name))
def test_each_command_is_explained(lobby: Lobby, command: Command) -> None:
    (bo,) = lobby.enter("bo")
    bo.is_operator = True
    rows = answer(lobby, bo, f"/help {command.name}")
    shown = " ".join(word for row in rows for word in row.removeprefix("===").split())
    for part in (f"{command.usage} - {command.summary}.", *command.aliases, command.example):
        assert part in shown


@pytest.mark.parametrize("word", ["nothing", "/talk", "//who"])
def test_there_is_nothing_of_that_name(lobby: Lobby, al: Somebody, word: str) -> None:
    (line,) = answer(lobby, al, f"/help {word}")
    assert line.startswith("!!! There is no /")
