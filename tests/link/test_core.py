"""One server's side of the link, step by step; `test_simulation` has everything at once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.brokermodel import BrokerModel, exchange
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import (
    Applied,
    CameTogether,
    Claimed,
    Delivery,
    Missed,
    NameLost,
    PeopleCame,
    PeopleGone,
    PersonForgotten,
    PersonKnown,
    Provisional,
    Unreadable,
    WentApart,
)
from threadchat.link.ownentries import Item
from threadchat.link.records import batch_text
from threadchat.link.wire import (
    Claim,
    Done,
    Enter,
    Entered,
    Holding,
    Kind,
    Leave,
    LogEntry,
    MustEnter,
    OtherFormat,
    Post,
    Renew,
    Sync,
)
from threadchat.messages.kinds import Joined, Say
from threadchat.messages.places import Place

LIMITS = LinkLimits()


class Side:
    """A core with a broker model, and its connection."""

    def __init__(self, broker: BrokerModel, node: str, limits: LinkLimits = LIMITS) -> None:
        self.broker = broker
        self.core = LinkCore(node, limits, lambda: f"{node}{self.now:.0f}", lambda it: it)
        self.now = 100.0
        self.told: list[Delivery] = []
        self.core.closed(self.now)

    def say(self, *words: str, at: float = 0.0) -> Item:
        said = [Say("al", it, at) for it in words]
        item = Item("R", batch_text("R", said), len(said), at, said)
        self.core.submit(item)
        return item

    def open(self) -> "Side":
        self.core.opened(self.now)
        return self.exchange()

    def exchange(self) -> "Side":
        """Send, be answered and read, until nothing is left to do."""
        exchange(self.core, self.broker, self.now, self.listen)
        return self

    def listen(self) -> None:
        self.told += self.core.deliveries()

    def wait(self, seconds: float) -> "Side":
        self.now += seconds
        self.core.tick(self.now)
        self.told += self.core.deliveries()
        return self

    def take(self) -> list[Delivery]:
        told, self.told = self.told, []
        return told


def pair() -> tuple[BrokerModel, Side, Side]:
    broker = BrokerModel()
    one, two = Side(broker, "1").open(), Side(broker, "2").open()
    one.exchange()
    one.take()
    two.take()
    return broker, one, two


def test_what_is_said_is_shown_everywhere_at_its_place() -> None:
    _, one, two = pair()
    item = one.say("hi", "there")
    one.exchange()
    two.exchange()
    (here,), (there,) = one.take(), two.take()
    assert isinstance(here, Applied)
    assert isinstance(there, Applied)
    assert here.item is item
    assert there.record is not None
    assert [it.text for it in there.record.said] == ["hi", "there"]
    assert here.first == there.first == Place("1100", 1)
    assert not here.is_shown
    one.say("more")
    one.exchange()
    (more,) = one.take()
    assert isinstance(more, Applied)
    assert more.first == Place("1100", 3)


def test_the_room_of_a_place_is_the_same_in_upper_and_lower_case() -> None:
    broker, one, _ = pair()
    one.say("hi")
    one.exchange()
    assert broker.data.said == {"r": 1}


def test_an_entry_that_is_read_twice_changes_nothing() -> None:
    broker, one, two = pair()
    one.say("hi")
    one.exchange()
    two.exchange()
    two.take()
    two.core.read(broker.entries(0, 100), two.now)
    assert list(two.core.deliveries()) == []


def test_lines_are_late_for_a_while_without_a_link() -> None:
    _, one, two = pair()
    one.core.closed(one.now)
    item = one.say("hi")
    assert one.wait(1.9).take() == []
    one.open()
    (applied,) = one.take()
    assert isinstance(applied, Applied)
    assert applied.item is item
    assert not applied.is_shown
    assert applied.apart is None
    two.exchange()
    assert len(two.take()) == 1


def test_after_that_a_server_goes_on_by_itself_and_the_others_read_it_marked() -> None:
    _, one, two = pair()
    one.core.closed(one.now)
    first = one.say("late", at=100.0)
    assert one.wait(2.0).take() == [WentApart(), Provisional(first)]
    second = one.say("alone", at=107.0)
    one.core.claim("cy", "cy", "p1", "")
    one.wait(5.0)
    assert one.take() == [Provisional(second), Claimed("p1", "cy", True)]
    two.say("meanwhile")
    two.exchange()
    two.take()
    one.open()
    meanwhile, together, *own = one.take()
    assert isinstance(meanwhile, Applied)
    assert together == CameTogether()
    two.exchange()
    theirs = [it for it in two.take() if isinstance(it, Applied)]
    assert [it.apart for it in theirs] == [(100.0, 107.0)] * 2
    assert [(it.item, it.is_shown) for it in own if isinstance(it, Applied)] == [
        (first, True),
        (second, True),
    ]
    one.say("together")
    one.exchange()
    (after,) = one.take()
    assert isinstance(after, Applied)
    assert after.apart is None


def test_what_was_shown_alone_is_shown_once_however_often_the_link_goes() -> None:
    broker, one, _ = pair()
    one.core.closed(one.now)
    item = one.say("alone")
    assert one.wait(2.0).take() == [WentApart(), Provisional(item)]
    one.core.opened(one.now)
    request = one.core.next_request(one.now)
    assert isinstance(request, Enter)
    one.core.answered(request, broker.serve(request, one.now), one.now)
    one.core.closed(one.now)  # before anything was sent
    assert one.wait(2.0).take() == [CameTogether(), WentApart()]


def test_without_a_broker_at_the_start_a_server_goes_on_by_itself() -> None:
    side = Side(BrokerModel(), "1")
    assert side.wait(2.0).take() == [WentApart()]
    side.say("alone")
    side.core.closed(side.now)
    assert side.open().core.is_linked
    assert not side.core.is_apart


def test_a_broker_that_does_not_answer_is_no_link() -> None:
    _, one, _ = pair()
    one.say("hi")
    assert isinstance(one.core.next_request(one.now), Post)
    assert one.wait(1.9).core.must_close == ""
    assert one.wait(0.1).core.must_close == "the broker does not answer"
    assert one.core.is_apart


def test_one_that_does_not_let_a_server_in_is_none_either() -> None:
    side = Side(BrokerModel(), "1")
    side.core.opened(side.now)
    assert isinstance(side.core.next_request(side.now), Enter)
    assert side.wait(1.9).core.must_close == ""
    assert side.wait(0.1).core.must_close == "the broker does not answer"
    side.core.closed(side.now)
    assert side.wait(9.0).core.must_close == ""


def test_how_long_entries_take_is_known() -> None:
    broker, one, two = pair()
    lag = LinkCore("3").lag
    assert lag(0.0) is None
    two.say("theirs")
    two.exchange()
    one.say("hi")
    request = one.core.next_request(100.0)
    assert isinstance(request, Post)
    assert one.core.lag(101.5) == 1.5
    one.core.answered(request, broker.serve(request, 100.0), 102.0)
    assert one.core.read_after is not None
    theirs, own = broker.entries(one.core.read_after, 9)
    one.core.read([theirs], 101.0)
    assert one.core.lag(100.5) == 0.5
    one.core.read([own], 102.0)
    assert one.core.lag(110.0) == 2.0
    one.say("more")
    assert isinstance(one.core.next_request(200.0), Renew)  # a long time has passed
    assert isinstance(one.core.next_request(200.0), Post)
    assert one.core.lag(201.0) == 2.0
    assert one.core.lag(203.0) == 3.0


def test_why_a_server_has_to_enter_again_is_told() -> None:
    broker, one, two = pair()
    one.say("hi")
    request = one.core.next_request(one.now)
    assert request is not None
    broker.flush()
    one.core.answered(request, broker.serve(request, one.now), one.now)
    assert one.core.must_close == "the broker has begun a new epoch"
    renew = Renew("2", "1100", 9)
    two.core.answered(renew, Done(9, 0), two.now)
    assert two.core.must_close == ""
    two.core.answered(renew, Done(8, 0), two.now)
    assert two.core.must_close == "the broker has lost what it had"


def test_what_was_said_at_the_end_of_an_epoch_is_read_in_the_next_one() -> None:
    broker, one, two = pair()
    one.core.closed(one.now)
    two.say("at the end")
    two.exchange()
    two.core.closed(two.now)
    broker.restart(broker.saved())
    two.open()  # this begins the epoch
    assert broker.data.epoch != "1100"
    one.open()
    assert not one.core.must_close
    applied = [it for it in one.take() if isinstance(it, Applied)]
    assert [(it.first, it.is_shown) for it in applied] == [
        (Place("1100", 1), False),
        (Place(broker.data.epoch, 1), True),  # as the broker may have lost it
    ]


def test_in_a_new_epoch_what_was_decided_about_names_is_not_asked_again() -> None:
    broker, one, _ = pair()
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    one.core.closed(one.now)
    broker.flush()
    one.core.opened(one.now)
    steps = []
    while (request := one.core.next_request(one.now)) is not None:
        if isinstance(request, Post):
            steps.append((request.number, request.steps))
        one.core.answered(request, broker.serve(request, one.now), one.now)
        if (after := one.core.read_after) is not None:
            one.core.read(broker.entries(after, 99), one.now)
    (*_, (number, last)) = steps
    assert [it for _, it in steps[:-1]] == [()] * (number - 1)
    assert last == (Sync((Claim("al", "al", "p1", ""),)),)


def test_a_server_makes_itself_known_though_it_was_cut_off_before_it_could() -> None:
    broker = BrokerModel()
    Side(broker, "2").open()
    side = Side(broker, "1")
    side.core.claim("al", "al", "p1", "")
    for _ in range(2):
        side.core.opened(side.now)
        request = side.core.next_request(side.now)
        assert isinstance(request, Enter)
        side.core.answered(request, broker.serve(request, side.now), side.now)
        if side.core.is_linked:
            side.core.closed(side.now)
    side.open()
    own = [it.steps for it in broker.data.log if it.node == "1"]
    assert isinstance(own[0][0], Sync)


def test_what_was_on_the_way_is_sent_by_the_next_connection() -> None:
    broker = BrokerModel()
    side = Side(broker, "1", LinkLimits(in_flight=1)).open()
    settle(side)
    side.say("hi")
    sent = side.core.next_request(side.now)
    assert isinstance(sent, Post)
    side.core.closed(side.now)
    side.take()
    assert [type(it) for it in side.open().take()] == [Applied]


def test_trouble_begins_with_the_first_entry_that_is_not_read_back() -> None:
    _, one, _ = pair()
    one.say("hi")
    assert isinstance(one.core.next_request(100.0), Post)
    one.now = 101.5
    one.core.closed(one.now)
    one.core.closed(one.now + 0.1)  # nor does another failure make it later
    assert one.wait(0.4).core.is_apart is False
    assert one.wait(0.1).core.is_apart


def test_a_server_that_lacks_an_entry_distrusts_the_broker_once() -> None:
    broker, one, two = pair()
    for word in ("one", "two"):
        two.say(word)
        two.exchange()
    assert one.core.read_after is not None
    _, second = broker.entries(one.core.read_after, 9)
    one.core.read([second], one.now)
    assert one.core.must_close == "the log lacks an entry"
    one.core.closed(one.now)
    one.core.opened(one.now)
    asked = one.core.next_request(one.now)
    assert isinstance(asked, Enter)
    assert asked.distrusts
    one.core.closed(one.now)
    one.open()
    one.exchange()
    one.core.closed(one.now)
    one.core.opened(one.now)
    asked = one.core.next_request(one.now)
    assert isinstance(asked, Enter)
    assert not asked.distrusts


def test_a_log_that_lacks_what_the_server_itself_has_sent_is_distrusted() -> None:
    _, one, _ = pair()
    settle(one)
    one.core.closed(one.now)
    one.core.opened(one.now)
    asked = one.core.next_request(one.now)
    assert isinstance(asked, Enter)
    answer = Entered(asked.epoch, asked.position, asked.position, 99, False)
    one.core.answered(asked, answer, one.now)
    assert one.core.must_close == "the log lacks an entry of this server"
    assert not one.core.is_linked


def test_the_first_reason_is_the_one_that_is_told() -> None:
    _, one, _ = pair()
    one.say("hi")
    request = one.core.next_request(one.now)
    assert request is not None
    one.core.answered(request, MustEnter("it was taken to be gone"), one.now)
    assert one.wait(5.0).core.must_close == "it was taken to be gone"


def test_while_a_server_catches_up_its_own_entries_may_take_long() -> None:
    broker, one, two = pair()
    one.say("hi")
    assert isinstance(one.core.next_request(one.now), Post)
    one.core.closed(one.now)
    two.say("theirs")
    two.exchange()
    one.now += 1.9
    one.core.opened(one.now)
    asked = one.core.next_request(one.now)
    assert asked is not None
    one.core.answered(asked, broker.serve(asked, one.now), one.now)
    assert one.wait(1.0).core.must_close == ""


def test_what_is_known_of_people_now_is_told_in_a_new_epoch() -> None:
    broker, one, two = pair()
    one.core.claim("al", "al", "p1", "lobby")
    one.exchange()
    one.core.update("al", "p1", "away")
    one.exchange()
    broker.flush()
    for side in (one, two):
        side.core.closed(side.now)
        side.open()
    one.exchange()
    two.exchange()
    assert two.core.roster.find("al") == Holding("al", "al", "1", "p1", "away")


def test_it_is_told_how_much_was_said_by_then() -> None:
    _, one, _ = pair()
    one.say("one", "two")
    one.exchange()
    one.say("three")
    request = one.core.next_request(one.now)
    assert isinstance(request, Post)
    assert (request.said, request.counts) == (3, (("r", 1),))


def test_steps_that_were_decided_apart_are_not_sent_besides() -> None:
    _, one, _ = pair()
    one.core.closed(one.now)
    one.core.claim("al", "al", "p1", "")
    one.core.claim("bo", "bo", "p2", "")
    one.core.release("nobody", "p3")
    one.wait(2.0)
    told = [it for it in one.take() if isinstance(it, Claimed)]
    assert told == [Claimed("p1", "al", True), Claimed("p2", "bo", True)]
    one.core.opened(one.now)
    asked = one.core.next_request(one.now)
    assert asked is not None
    one.core.answered(asked, one.broker.serve(asked, one.now), one.now)
    post = one.core.next_request(one.now)
    assert isinstance(post, Post)
    assert [type(it) for it in post.steps] == [Sync]


def settle(*sides: Side) -> None:
    """Let all know that all have read all."""
    for _ in range(3):
        for side in sides:
            side.wait(0.5).exchange()


def test_it_is_told_soon_that_a_line_was_read_so_that_nobody_keeps_it_for_long() -> None:
    _, one, two = pair()
    settle(one, two)
    one.say("hi")
    one.exchange()
    assert one.core.kept_bytes
    two.exchange()
    settle(one, two)
    assert not one.core.kept_bytes
    assert one.core.next_request(one.now + 0.5) is None


def test_a_silent_server_renews_and_notices_that_there_is_no_answer() -> None:
    _, one, two = pair()
    settle(one, two)
    one.now += 2.9  # the last time was a second ago
    assert one.core.next_request(one.now) is None
    one.now += 0.1
    assert isinstance(one.core.next_request(one.now), Renew)
    assert one.core.next_request(one.now) is None
    one.wait(1.9)
    assert not one.core.must_close
    one.wait(0.1)
    assert one.core.must_close


def test_reading_a_long_log_is_no_trouble_as_long_as_it_goes_on() -> None:
    broker, one, two = pair()
    one.core.closed(one.now)
    for number in range(3):
        two.say(str(number))
        two.exchange()
    one.core.opened(one.now)
    request = one.core.next_request(one.now)
    assert isinstance(request, Enter)
    one.core.answered(request, broker.serve(request, one.now), one.now)
    for _ in range(2):
        one.wait(1.5)
        assert one.core.read_after is not None
        one.core.read(broker.entries(one.core.read_after, 1), one.now)
        assert not one.core.must_close
    one.wait(2.0)
    assert one.core.must_close


def test_nobody_gets_a_name_that_somebody_has_elsewhere() -> None:
    _, one, two = pair()
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    two.core.claim("a1", "al", "p1", "")
    two.exchange()
    assert one.take() == [Claimed("p1", "al", True)]
    al = Holding("al", "al", "1", "p1", "")
    assert two.take() == [PersonKnown(al), Claimed("p1", "a1", False)]
    assert two.core.roster.find("al") == Holding("al", "al", "1", "p1", "")
    # Names that are known from elsewhere stay taken where there is no link.
    two.core.closed(two.now)
    two.wait(2.0)
    two.core.claim("al", "al", "p2", "")
    assert two.wait(0).take() == [WentApart(), Claimed("p2", "al", False)]


def test_a_person_that_got_a_name_alone_may_lose_it() -> None:
    _, one, two = pair()
    two.core.closed(two.now)
    two.wait(2.0)
    two.core.claim("al", "al", "p2", "")
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    two.open()
    assert [it for it in two.take() if isinstance(it, NameLost)] == [NameLost("p2", "al")]
    one.exchange()
    for side in (one, two):
        assert list(side.core.roster) == [Holding("al", "al", "1", "p1", "")]


def test_a_claim_that_waits_is_decided_alone() -> None:
    _, one, _ = pair()
    one.core.closed(one.now)
    one.core.claim("al", "al", "p1", "")
    assert one.take() == []
    assert one.wait(2.0).take() == [WentApart(), Claimed("p1", "al", True)]


def test_what_is_known_of_a_person_changes_until_the_name_is_free() -> None:
    _, one, two = pair()
    one.core.claim("al", "al", "p1", "lobby")
    one.exchange()
    one.core.update("al", "p1", "away")
    one.exchange()
    two.exchange()
    assert two.core.roster.find("al") == Holding("al", "al", "1", "p1", "away")
    one.core.release("al", "p1")
    one.core.update("al", "p1", "too late")
    one.exchange()
    two.exchange()
    assert two.core.roster.find("al") is None


def test_others_know_a_person_before_what_they_say_and_until_behind_it() -> None:
    _, one, two = pair()
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    two.exchange()
    two.take()
    one.say("bye")
    one.core.release("al", "p1")
    one.core.claim("bo", "bo", "p2", "")
    one.exchange()
    two.exchange()
    told = two.take()
    assert [type(it) for it in told] == [PersonKnown, Applied, PersonForgotten]
    assert told[0] == PersonKnown(Holding("bo", "bo", "1", "p2", ""))
    assert told[2] == PersonForgotten(Holding("al", "al", "1", "p1", ""))


def test_after_a_time_apart_people_are_known_before_what_they_said_meanwhile() -> None:
    _, one, two = pair()
    one.core.closed(one.now)
    one.wait(2.0)
    one.core.claim("al", "al", "p1", "")
    one.say("hi")
    one.open()
    one.exchange()
    two.exchange()
    al = Holding("al", "al", "1", "p1", "")
    told = [it for it in two.take() if isinstance(it, PersonKnown | PeopleCame | Applied)]
    assert told[:2] == [PersonKnown(al), PeopleCame("1", [al])]
    assert [type(it) for it in told[2:]] == [Applied]


def test_a_server_that_is_silent_is_gone_and_comes_back_with_its_people() -> None:
    _, one, two = pair()
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    two.exchange()
    one.core.closed(one.now)
    one.wait(16.0)
    two.wait(16.0)
    two.exchange()
    al = Holding("al", "al", "1", "p1", "")
    assert [it for it in two.take() if isinstance(it, PeopleGone)] == [PeopleGone("1", [al])]
    assert "1" not in two.core.linked_nodes
    one.open()
    two.exchange()
    assert [it for it in two.take() if isinstance(it, PeopleCame)] == [PeopleCame("1", [al])]
    assert "1" in two.core.linked_nodes


def test_a_server_that_leaves_frees_its_names() -> None:
    _, one, two = pair()
    one.core.claim("al", "al", "p1", "")
    one.exchange()
    one.say("bye")
    one.core.leave()
    assert isinstance(one.core.next_request(one.now), Post)
    leave = one.core.next_request(one.now)
    assert isinstance(leave, Leave)
    one.broker.serve(leave, one.now)
    two.exchange()
    assert list(two.core.roster) == []


def test_how_many_lines_were_missed_is_told() -> None:
    broker, one, two = pair()
    one.core.closed(one.now)
    one.wait(16.0)
    two.wait(16.0)
    two.exchange()
    for number in range(3):
        two.say(str(number), "and")
        two.exchange()
    broker.trim(1)
    one.open()
    missed = [it for it in one.take() if isinstance(it, Missed)]
    assert missed == [Missed("2", 4)]


def test_what_was_said_before_a_server_came_is_not_missed() -> None:
    broker, one, _ = pair()
    one.say("before")
    one.exchange()
    new = Side(broker, "3").open()
    one.say("after")
    one.exchange()
    new.exchange()
    texts = [
        [message.text for message in it.record.said]
        for it in new.take()
        if isinstance(it, Applied) and it.record is not None
    ]
    assert texts == [["after"]]


def test_people_that_speak_have_to_wait_when_too_much_waits() -> None:
    side = Side(BrokerModel(), "1", LinkLimits(waiting_bytes=500))
    while not side.core.is_full:
        side.say("x" * 40)
    assert side.core.waiting_bytes < 700
    side.open()
    assert not side.core.is_full
    assert side.core.waiting_bytes == 0


def test_another_format_is_refused() -> None:
    side = Side(BrokerModel(), "1")
    side.core.opened(side.now)
    request = side.core.next_request(side.now)
    assert request is not None
    side.core.answered(request, OtherFormat("2"), side.now)
    assert side.core.refusal == "2"
    assert side.core.must_close


def said_in(applied: Applied) -> list[Any]:
    """Return what was said in a batch, of this node or another."""
    if applied.record is not None:
        return list(applied.record.said)
    assert applied.item is not None
    assert isinstance(applied.item.handle, list)
    return applied.item.handle


@pytest.mark.parametrize("lose", [BrokerModel.flush, BrokerModel.restart, BrokerModel.lose_log])
def test_nothing_is_lost_with_the_data_of_the_broker(lose: Callable[[BrokerModel], None]) -> None:
    broker, *sides = pair()
    for side in sides:
        side.say(f"before {side.core.node}")
        side.exchange()
    lose(broker)
    for side in sides:
        side.core.closed(side.now)
        side.say(f"after {side.core.node}")
    for side in [*sides, *sides, *sides]:
        if side.core.must_close or side.core.read_after is None:
            side.core.closed(side.now)
            side.open()
        side.exchange()
    for side in sides:
        applied = [it for it in side.take() if isinstance(it, Applied) and not it.is_shown]
        shown = [message.text for it in applied for message in said_in(it)]
        assert sorted(shown) == ["after 1", "after 2", "before 1", "before 2"]


def test_what_cannot_be_read_is_told_to_the_operator() -> None:
    broker, one, _ = pair()
    data = broker.data
    data.log.append(LogEntry(data.position + 1, Kind.POST, data.epoch, "9", 1, "nonsense"))
    data.position += 1
    one.exchange()
    (told,) = one.take()
    assert isinstance(told, Unreadable)
    assert told.position == data.position


def test_two_that_join_on_two_servers_at_once_are_counted_in_the_order() -> None:
    """Each server lays its joining out before it knows of the other one."""
    _, one, two = pair()
    for side, name in ((one, "al"), (two, "bo")):
        side.core.claim(name, name, name, "r")
        messages = [Joined([name], 1, at=0.0)]
        side.core.submit(Item("r", batch_text("r", messages), 0, 0.0, messages))
    one.exchange()
    two.exchange()
    one.exchange()
    for side in (one, two):
        assert [it.here for it in side.take() if isinstance(it, Applied)] == [1, 2]
