"""Two browsers, each a process of its own, in one room with plink and netcat: all see one order."""

import contextlib
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `test`)")
if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals to run the clients at", allow_module_level=True)

from selenium import webdriver

from tests.end_to_end.test_program import Program, running
from tests.end_to_end.test_real_clients import KINDS, Screen, enter
from tests.support.waiting import wait_until
from tests.web.browser import Page, Wire, open_browser
from tests.web.scenes import PHONE, WIDE
from threadchat import ChatServer

pytestmark = pytest.mark.slow

AT_TERMINALS = {"pia": "plink -telnet", "nell": "nc.openbsd"}

SAID = re.compile(r"^(?:al|bo|pia|nell): .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def drivers() -> Iterator[Sequence[webdriver.Chrome]]:
    with open_browser() as one, open_browser() as other:
        yield one, other


@pytest.fixture
def pages(drivers: Sequence[webdriver.Chrome]) -> Iterator[Mapping[str, tuple[Page, Wire]]]:
    """Two tabs of two browsers, on a phone's screen and on a wide one, each with a wire."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name, driver, screen in zip(("al", "bo"), drivers, (PHONE, WIDE), strict=True):
            wire = Wire(0)
            stack.callback(wire.close)
            page = Page(driver, 0, screen, url="about:blank")
            stack.callback(page.close_tab)
            found[name] = page, wire
        yield found


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[Program, int]]:
    """Run the program; yield it and the port of its page."""
    options = ("--host", "127.0.0.1", "--port", "0", "--web-port", "0", *arguments)
    with running(*options) as program:
        bound = program.read_until(r"server bound +127\.0\.0\.1:(\d+) \(browsers\)")
        yield program, int(bound[1])


@contextlib.contextmanager
def at_terminals(program: Program, room: str = "lobby") -> Iterator[Mapping[str, Screen]]:
    """Have a person at each of the terminals join `room`."""
    with contextlib.ExitStack() as stack:
        screens = {}
        for name, kind in AT_TERMINALS.items():
            screen = Screen(KINDS[kind], cast(ChatServer, program))
            screens[name] = stack.enter_context(screen)
            enter(screen, name)
            if room != "lobby":
                screen.type(f"/join {room}")
                screen.expect(f"You are in {room}.")
        yield screens


def open_pages(pages: Mapping[str, tuple[Page, Wire]], port: int, room: str = "lobby") -> None:
    for name, (page, wire) in pages.items():
        wire.server_port = port
        page.load(f"http://127.0.0.1:{wire.port}/")
        page.join(name)
        if room != "lobby":
            page.say(f"/join {room}")
            page.wait(f"document.querySelector('#where-name').textContent === '#{room}'")


def see_one_order(
    pages: Mapping[str, tuple[Page, Wire]], screens: Mapping[str, Screen], number: int
) -> list[str]:
    """Wait until both pages have so many lines; return them, if everybody saw the same order."""
    for page, _ in pages.values():
        wait_until(lambda it=page: len(it.lines) >= number, f"{number} lines are there")  # type: ignore[misc]
    lines, others = (page.lines for page, _ in pages.values())
    assert lines == others
    assert len(lines) == len(set(lines)) == number
    for name, screen in screens.items():
        of_others = [line for line in lines if not line.startswith(f"{name}: ")]
        screen.expect(of_others[-1])
        seen = [line for line in SAID.findall(screen.shown) if not line.startswith(f"{name}: ")]
        assert seen == of_others[-len(seen) :]
    return lines


def test_all_see_one_order_and_nothing_is_lost_over_a_frozen_connection(
    pages: Mapping[str, tuple[Page, Wire]],
) -> None:
    with serving() as (program, port), at_terminals(program) as screens:
        open_pages(pages, port)
        (phone, wire), (desktop, _) = pages.values()
        for number in range(3):
            for name, (page, _) in pages.items():
                page.say(f"{name} says {number}")
            for name, screen in screens.items():
                screen.type(f"{name} says {number}")
        see_one_order(pages, screens, 12)
        wire.freeze()
        for name, screen in screens.items():
            screen.type(f"{name} goes on")
        phone.say("does anybody hear me?")
        desktop.say("al is so quiet")
        phone.run("dispatchEvent(new Event('online'))")  # the page asks for a sign, in vain
        lines = see_one_order(pages, screens, 16)
        assert "al: does anybody hear me?" in lines
        assert not any("left" in screen.shown for screen in screens.values())


@pytest.mark.parametrize(("keeps", "room"), [(True, "lobby"), (False, "games")])
def test_all_see_one_order_after_a_restart_of_the_server(
    pages: Mapping[str, tuple[Page, Wire]], tmp_path: Path, keeps: bool, room: str
) -> None:
    history = ("--history", str(tmp_path / "chat.db")) if keeps else ()
    (phone, _), (desktop, _) = pages.values()
    with serving(*history) as (program, port), at_terminals(program, room) as screens:
        open_pages(pages, port, room)
        for page, _ in pages.values():
            page.say("before it")
        for screen in screens.values():
            screen.type("before it, too")
        earlier = see_one_order(pages, screens, 4)
        program.signal_and_wait(signal.SIGKILL if keeps else signal.SIGTERM)
        for _, wire in pages.values():
            wire.server_port = 0
    phone.wait("!document.querySelector('#banner').hidden")
    phone.say("while it was away")
    with serving(*history) as (program, port), at_terminals(program, room) as screens:
        # With a history more is said than comes by itself when somebody joins.
        spoken = 15 if keeps else 5
        for number in range(spoken):
            for name, screen in screens.items():
                screen.type(f"{name} is back {number}")
        for name, screen in screens.items():
            screen.type("/me waits")
            screens["nell" if name == "pia" else "pia"].expect(f"{name} waits")
        for page, wire in pages.values():
            wire.server_port = port
            page.run("dispatchEvent(new Event('online'))")
        phone.wait(f"document.querySelector('#where-name').textContent === '#{room}'")
        phone.wait_for("while it was away")
        desktop.say("all is well")
        lines = see_one_order(pages, screens, (len(earlier) if keeps else 0) + 2 * spoken + 2)
        assert lines[: len(earlier)] == earlier or not keeps
        assert lines[-2:] == ["al: while it was away", "bo: all is well"]
