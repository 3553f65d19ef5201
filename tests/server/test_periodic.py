"""The rounds of a server: one after another, until they are stopped."""

from threading import Event, Thread

import pytest

from threadchat.net.threads import join
from threadchat.server import periodic as module
from threadchat.server.periodic import Periodic
from threadchat.testing import DEADLINE


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.001)


@pytest.mark.usefixtures("often")
def test_rounds_come_until_they_are_stopped_and_one_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[tuple[Thread | None, float]] = []
    done, go_on = [0], Event()
    has_come = Event()

    def look() -> None:
        done[0] += 1
        if done[0] == 3:
            has_come.set()
            assert go_on.wait(DEADLINE)

    def wait(thread: Thread | None, deadline: float) -> None:
        waited.append((thread, deadline))
        go_on.set()
        join(thread, DEADLINE)

    monkeypatch.setattr(module, "join_by", wait)
    periodic = Periodic(look)
    periodic.start()
    assert has_come.wait(DEADLINE)
    periodic.stop(103.0)
    periodic.stop(99.0)
    assert done == [3]
    assert [deadline for _, deadline in waited] == [103.0, 99.0]
    assert waited[0][0] is not None
    assert not waited[0][0].is_alive()
