"""In which order the members of a room are handed a batch, when, and that all of them are."""

import gc

import pytest

from tests.support.clock import Clock
from tests.support.members import FakeMember
from threadchat.chat.batch import Batch
from threadchat.chat.entries import Announce
from threadchat.chat.handout import MOST_REST, REST, Members
from threadchat.chat.interfaces import Gathering
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Say, WentAway
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
    members = Members(Clock())
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
    members.add([Listed(name) for name in ("bo", "al", "cy")])
    assert hand_out(members) == ["bo", "al", "cy"]


def test_those_that_were_here_are_not_sorted_again_while_nobody_can_wait() -> None:
    asked: list[str] = []

    class Asked(View):
        @property
        def can_wait(self) -> bool:
            asked.append("can it wait?")
            return False

    members = Members()
    for number, name in enumerate(("al", "bo", "cy"), 1):
        members.add([Listed(name, Asked())])
        assert len(hand_out(members)) == len(asked) == number
    members.remove(list(members)[:1])
    assert hand_out(members) == ["bo", "cy"]
    assert len(asked) == 3
    members.add([Listed("dee", JSON_LINES), Listed("eve")])
    assert hand_out(members) == ["bo", "cy", "eve", "dee"]
    members.remove([it for it in members if it.name == "dee"])
    assert hand_out(members) == ["bo", "cy", "eve"]


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


class Slow(FakeMember):
    """Takes time to be sent something, and writes down what it may be sent later."""

    def __init__(self, name: str, clock: Clock, seconds: float) -> None:
        super().__init__(name, JSON_LINES)
        self.clock, self.seconds = clock, seconds
        self.later: list[bytes] = []

    def deliver(self, data: bytes) -> None:
        self.clock.now += self.seconds
        super().deliver(data)

    def deliver_later(self, data: bytes) -> Gathering | None:
        if data:
            self.later.append(data)
        else:
            self.deliver(b"".join(self.later))
        return None


def say(members: Members, text: str = "hi", *changes: Announce) -> None:
    batch = Batch("lobby")
    batch.add_said([Say("zoe", text, 0.0)], FakeMember("zoe"))
    batch.changes += changes
    members.hand_out(batch, _never)


def _never(doing: str, error: Exception) -> None:
    raise AssertionError(doing) from error


def test_while_a_room_is_busy_browsers_take_several_batches_at_once() -> None:
    clock = Clock()
    members = Members(clock)
    al, bo, cy = Slow("al", clock, 0.001), Slow("bo", clock, 0.001), FakeMember("cy")
    members.add([al, cy, bo])
    say(members)  # it is alone, and takes 2 ms
    for seconds in (0.0, 0.002 * REST - 0.0001):
        clock.now += seconds
        say(members)
    assert [len(it.pages) for it in (al, bo, cy)] == [1, 1, 3]
    assert [len(it.later) for it in (al, bo)] == [2, 2]
    assert al.later[0] is bo.later[0]  # so it is framed once
    clock.now += 0.0002
    say(members)
    assert [len(it.pages) for it in (al, bo, cy)] == [2, 2, 4]
    assert al.pages[1] == b"".join(al.later)
    assert len(al.later) == 3
    clock.now += 1.0
    say(members)  # nothing waits any more
    assert len(al.pages[2]) == len(al.pages[0])


def test_what_is_for_somebody_that_spoke_waits_without_their_own_words() -> None:
    clock = Clock()
    members = Members(clock)
    al = Slow("al", clock, 0.001)
    members.add([al, FakeMember("cy")])
    say(members)
    batch = Batch("lobby")
    batch.add_said([Say("al", "mine", 0.0)], al)
    batch.add_said([Say("zoe", "theirs", 0.0)], FakeMember("zoe"))
    members.hand_out(batch, _never)
    assert len(al.pages) == 1
    (page,) = al.later
    assert b"theirs" in page
    assert b"mine" not in page


def test_a_browser_is_not_left_waiting_for_long() -> None:
    clock = Clock()
    members = Members(clock)
    al = Slow("al", clock, 1.0)
    members.add([al, FakeMember("cy")])
    say(members)
    clock.now += MOST_REST * 1.001
    say(members)
    assert (len(al.pages), len(al.later)) == (2, 0)


def test_browsers_among_themselves_do_not_wait() -> None:
    clock = Clock()
    members, cy = Members(clock), FakeMember("cy")
    al = Slow("al", clock, 0.001)
    members.add([al, cy])
    members.remove([cy])
    say(members)
    say(members)
    assert (len(al.pages), len(al.later)) == (2, 0)


def test_nobody_waits_for_what_a_thread_waits_for() -> None:
    clock = Clock()
    members = Members(clock)
    al = Slow("al", clock, 0.001)
    members.add([al, FakeMember("cy")])
    say(members)
    say(members, "bye", Announce(WentAway("zoe", ""), None))
    assert (len(al.pages), len(al.later)) == (2, 0)


def test_a_member_that_fails_with_what_waits_fails_alone() -> None:
    class Failing(Slow):
        def deliver_later(self, data: bytes) -> Gathering | None:
            if not data:
                raise RuntimeError("gone")
            return None

    clock = Clock()
    members = Members(clock)
    al, bo = Failing("al", clock, 0.001), Slow("bo", clock, 0.001)
    members.add([al, bo, FakeMember("cy")])
    say(members)
    say(members)
    clock.now += 1.0
    batch = Batch("lobby")
    batch.add_said([Say("zoe", "hi", 0.0)], FakeMember("zoe"))
    failures: list[tuple[str, str]] = []
    members.hand_out(batch, lambda doing, error: failures.append((doing, str(error))))
    assert failures == [("delivering to al", "gone")]
    assert len(bo.pages) == 2


class Shared:
    """What members have unsent; it takes no more once it is closed."""

    def __init__(self, first: bytes) -> None:
        self.first, self.pages, self.is_open = first, [first], True

    def add(self, data: bytes) -> bool:
        if self.is_open:
            self.pages.append(data)
        return self.is_open

    @property
    def text(self) -> bytes:
        return b"".join(self.pages)


class Sharing(Slow):
    """Has the same unsent as the others that were handed it from the same page on."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock, 0.001)
        self.unsent: Shared | None = None
        self.known: list[Shared] = []  # shared by those of a test

    def deliver_later(self, data: bytes) -> Gathering | None:
        if not data:
            self.send()
            return None
        self.later.append(data)
        if self.unsent is not None:  # it has something else unsent than the others
            self.unsent.is_open = False
            data = self.unsent.text + data
        elif self.known and self.known[0].first is data:
            self.unsent = self.known[0]
            return self.unsent
        self.unsent = Shared(data)
        self.known[:] = [self.unsent]
        return self.unsent

    def send(self) -> None:
        if self.unsent is not None:
            self.unsent.is_open = False
            self.deliver(self.unsent.text)
        self.unsent = None


def busy_room(*names: str) -> tuple[Members, Clock, list[Sharing]]:
    """Return a room in which members of those names can wait, and have to from now on."""
    clock = Clock()
    members, them = Members(clock), [Sharing(name, clock) for name in names]
    known: list[Shared] = []
    for it in them:
        it.known = known
    members.add([*them, FakeMember("cy")])
    say(members, "first")
    return members, clock, them


def said(member: FakeMember) -> list[str]:
    return [part.split('"')[0] for part in member.screen.split('"text": "')[1:]]


def test_members_with_the_same_unsent_are_not_called_for_each_batch() -> None:
    members, clock, (al, bo) = busy_room("al", "bo")
    for text in ("one", "two", "three"):
        say(members, text)
    assert [len(it.later) for it in (al, bo)] == [1, 1]
    clock.now += 1.0
    say(members, "four")
    assert said(al) == said(bo) == ["first", "one", "two", "three", "four"]
    clock.now += 1.0
    say(members, "five")  # nothing waits: it goes at once
    assert said(al)[5:] == said(bo)[5:] == ["five"]
    assert [len(it.later) for it in (al, bo)] == [1, 1]


def test_once_one_has_sent_it_each_is_called_again() -> None:
    members, clock, (al, bo, dee) = busy_room("al", "bo", "dee")
    say(members, "one")
    bo.send()
    say(members, "two")
    assert [len(it.later) for it in (al, bo, dee)] == [2, 2, 2]
    say(members, "three")
    clock.now += 1.0
    say(members, "four")
    for it in (al, bo, dee):
        assert said(it) == ["first", "one", "two", "three", "four"]


def test_one_that_ignores_another_is_called_alone() -> None:
    members, clock, (al, bo, dee) = busy_room("al", "bo", "dee")
    zoe = FakeMember("zoe")

    def zoe_says(text: str) -> None:
        batch = Batch("lobby")
        batch.add_said([Say("zoe", text, 0.0)], zoe)
        batch.add_said([Say("cy", text.upper(), 0.0)], FakeMember("cy"))
        members.hand_out(batch, _never)

    zoe_says("one")
    bo.ignores = {zoe.identity}
    for text in ("two", "three"):
        zoe_says(text)
    assert [len(it.later) for it in (al, bo, dee)] == [2, 3, 2]
    clock.now += 1.0
    zoe_says("four")
    assert said(bo) == ["first", "one", "ONE", "TWO", "THREE", "FOUR"]
    for it in (al, dee):
        assert said(it)[1:5] == ["one", "ONE", "two", "TWO"]
        assert len(said(it)) == 9


def test_one_that_does_not_hear_itself_is_called_alone() -> None:
    members, clock, (al, bo, dee) = busy_room("al", "bo", "dee")
    say(members, "one")
    batch = Batch("lobby")
    batch.add_said([Say("al", "mine", 0.0)], al)
    batch.add_said([Say("zoe", "two", 0.0)], FakeMember("zoe"))
    members.hand_out(batch, _never)
    clock.now += 1.0
    say(members, "three")
    assert said(al) == ["first", "one", "two", "three"]
    assert said(bo) == said(dee) == ["first", "one", "mine", "two", "three"]


def test_one_that_goes_on_through_another_connection_has_not_the_same_unsent() -> None:
    # Promise 1: with such a batch, each is handed their page.
    members, _, (al, bo) = busy_room("al", "bo")
    say(members, "one")
    al.unsent = None  # as of a connection that is new
    say(members, "two", Announce(WentAway("zoe", ""), None))
    assert said(al) == ["first", "two"]
    assert said(bo) == ["first", "one", "two"]


def test_those_that_leave_or_come_are_not_called_with_the_others() -> None:
    members, clock, (al, bo) = busy_room("al", "bo")
    say(members, "one")
    members.remove([al])
    dee = Sharing("dee", clock)
    dee.known = bo.known
    members.add([dee])
    say(members, "two")
    say(members, "three")
    clock.now += 1.0
    say(members, "four")
    assert said(al) == ["first"]
    assert said(bo) == ["first", "one", "two", "three", "four"]
    assert said(dee) == ["two", "three", "four"]


def test_what_cannot_be_added_for_all_is_handed_to_each() -> None:
    # Promise 8.
    members, clock, (al, bo) = busy_room("al", "bo")
    say(members, "one")
    with pytest.MonkeyPatch.context() as patch:

        def fail(self: Shared, data: bytes) -> bool:
            raise MemoryError

        patch.setattr(Shared, "add", fail)
        batch = Batch("lobby")
        batch.add_said([Say("zoe", "two", 0.0)], FakeMember("zoe"))
        failures: list[str] = []
        members.hand_out(batch, lambda doing, error: failures.append(doing))
    assert failures == ["delivering to al and others"]
    clock.now += 1.0
    say(members, "three")
    assert said(al) == said(bo) == ["first", "one", "two", "three"]


def test_what_members_had_unsent_is_not_kept_once_they_have_sent_it() -> None:
    members, _, (al, bo) = busy_room("al", "bo")
    say(members, "one")
    al.send()
    bo.send()
    al.known.clear()
    gc.collect()
    assert not [it for it in gc.get_objects() if isinstance(it, Shared)]
    say(members, "two")
    assert [len(it.later) for it in (al, bo)] == [2, 2]
