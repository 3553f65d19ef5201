"""In which order the members of a room are handed a batch, and that all of them are."""

from tests.support.members import FakeMember
from threadchat.chat.batch import Batch
from threadchat.chat.handout import Members
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Say
from threadchat.terminal.view import View


class Listed(FakeMember):
    """Writes down when it is handed something."""

    handed: list[str]

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        self.handed.append(self.name)


def hand_out(members: Members) -> list[str]:
    """Hand a batch out; return the names in the order in which they got it."""
    batch = Batch("lobby")
    batch.add_said([Say("zoe", "hi", 0.0)], FakeMember("zoe"))
    handed: list[str] = []
    for member in members:
        assert isinstance(member, Listed)
        member.handed = handed
    failures: list[str] = []
    members.hand_out(batch, lambda doing, error: failures.append(doing))
    assert failures == []
    return handed


def test_browsers_come_after_terminals() -> None:
    members = Members()
    al, bo, cy, dee = (
        Listed(name, format)
        for name, format in (
            ("al", JSON_LINES),
            ("bo", View()),
            ("cy", JSON_LINES),
            ("dee", View(has_color=True)),
        )
    )
    members.add([al, bo])
    assert hand_out(members) == ["bo", "al"]
    members.add([cy, dee])
    assert hand_out(members) == ["bo", "dee", "al", "cy"]
    assert list(members) == [al, bo, cy, dee]
    members.remove([al, bo])
    assert hand_out(members) == ["dee", "cy"]
    assert (len(members), al in members, cy in members) == (2, False, True)


def test_others_come_in_the_order_of_joining() -> None:
    members = Members()
    members.add(Listed(name) for name in ("bo", "al", "cy"))
    assert hand_out(members) == ["bo", "al", "cy"]


def test_a_member_that_fails_fails_alone() -> None:
    class Failing(FakeMember):
        def deliver(self, data: bytes) -> None:
            raise RuntimeError("gone")

    members, cy = Members(), FakeMember("cy")
    members.add([Failing("al", JSON_LINES), Failing("bo"), cy])
    batch = Batch("lobby")
    batch.add_said([Say("zoe", "hi", 0.0)], FakeMember("zoe"))
    failures: list[tuple[str, str]] = []
    members.hand_out(batch, lambda doing, error: failures.append((doing, str(error))))
    assert failures == [("delivering to bo", "gone"), ("delivering to al", "gone")]
    assert cy.screen == "zoe: hi\r\n"


def test_those_that_were_here_get_one_page_though_another_comes() -> None:
    members = Members()
    al, bo, cy = (FakeMember(name, JSON_LINES) for name in ("al", "bo", "cy"))
    members.add([al, bo, cy])
    batch = Batch("lobby")
    batch.add_joiners({cy: b"welcome\n"}, 3)
    batch.add_said([Say("zoe", "hi", 0.0)], FakeMember("zoe"))
    members.hand_out(batch, lambda doing, error: None)
    assert al.pages[0] is bo.pages[0]  # so it is framed, and compressed, once
    assert cy.screen.startswith("welcome\n")
