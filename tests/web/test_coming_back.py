"""The page that was away or open for long: what is missing, what is new, which day it is."""

import contextlib
from collections.abc import Iterator

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `browser`)")

from selenium import webdriver

from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from tests.web.browser import Page, Wire, open_browser
from threadchat import ChatServer, Limits
from threadchat.web import links

pytestmark = pytest.mark.slow

IS_BACK = "document.querySelector('#banner').hidden"
GAP = "[...document.querySelectorAll('.log:not([hidden]) .gap')]"


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


def port_of(server: ChatServer) -> int:
    assert server.web_listener is not None
    return int(server.web_listener.server_address[1])


@contextlib.contextmanager
def wired(driver: webdriver.Chrome, port: int) -> Iterator[tuple[Wire, Page]]:
    """Yield a page of al's and its wire."""
    with contextlib.closing(Wire(port)) as wire:
        page = Page(driver, wire.port)
        page.join("al")
        yield wire, page
        page.close()


@pytest.fixture
def company(server: ChatServer, driver: webdriver.Chrome) -> Iterator[tuple[Wire, Page, Client]]:
    """Yield al's wire and page, and tel, who is in the same room at a terminal."""
    with wired(driver, port_of(server)) as (wire, page), Client(server, "tel") as tel:
        yield wire, page, tel


Few = tuple[ChatServer, Wire, Page, Client]


def go_away(wire: Wire, page: Page) -> None:
    wire.server_port = 0
    wire.cut()
    page.wait(f"!{IS_BACK}")


def come_back(wire: Wire, page: Page, port: int) -> None:
    wire.server_port = port
    page.run("dispatchEvent(new Event('online'))")
    page.wait(IS_BACK)


@pytest.mark.parametrize(("more", "missing"), [(199, 0), (200, 1), (230, 31)])
def test_what_is_too_much_to_come_again_is_shown_as_a_gap(
    server: ChatServer,
    company: tuple[Wire, Page, Client],
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    missing: int,
) -> None:
    monkeypatch.setattr(links, "SEAT_SECONDS", 0.0)
    wire, page, tel = company
    tel.type("before")
    page.wait_for("before")
    go_away(wire, page)
    tel.expect("<-- al left")
    said = [f"line {number}" for number in range(more + 1)]
    for line in said:
        tel.type(line)
    tel.sync()
    come_back(wire, page, port_of(server))
    page.wait_for(said[-1])
    shown = len(said) - missing + 1
    page.wait(
        f"document.querySelectorAll('.log:not([hidden]) > :first-child > .say').length === {shown}"
    )
    assert page.said == ["before", *said[missing:]]
    words = f"Lines said here that are missing: {missing}"
    assert page.run(f"return {GAP}.map((it) => it.textContent)") == [words] * bool(missing)
    assert page.texts(".gap + .say > .text") == said[missing : missing + 1] * bool(missing)


def test_what_a_server_without_a_history_was_told_after_its_restart_is_counted(
    driver: webdriver.Chrome,
) -> None:
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        stack = contextlib.ExitStack()
        wire, page = stack.enter_context(wired(driver, port_of(server)))
        page.say("/join games", *(f"line {number}" for number in range(6)))
        page.wait_for("line 5")
        page.say("/join lobby")
        page.wait("document.querySelector('#where-name').textContent === '#lobby'")
        go_away(wire, page)
    with stack, run_server(web_address=("127.0.0.1", 0)) as (server, _):
        come_back(wire, page, port_of(server))
        with Client(server, "tel") as tel:
            tel.type("/join games")
            for number in range(4):
                tel.type(f"anew {number}")
            page.wait("document.querySelector('#room-list').textContent.includes('4 new')")
        page.leave()


def test_a_page_that_is_open_over_night_knows_yesterday(
    company: tuple[Wire, Page, Client],
) -> None:
    days = ".log:not([hidden]) .day"
    _, page, tel = company
    tel.type("good night")
    page.wait_for("good night")
    assert page.texts(days) == ["Today"]
    page.run("""
        const { now } = Date, { parse } = JSON, day = 86_400;
        Date.now = () => now() + day * 1000;
        JSON.parse = (text) => {
            const it = parse(text);
            return it.at ? { ...it, at: it.at + day } : it;
        };
    """)
    tel.type("good morning")
    page.wait_for("good morning")
    assert page.texts(days) == ["Yesterday", "Today"]


@pytest.mark.parametrize("to", ["", "/msg al "])
def test_a_reader_of_old_lines_in_a_busy_conversation_keeps_them_and_the_newest(
    company: tuple[Wire, Page, Client], to: str
) -> None:
    log = "document.querySelector('.log:not([hidden])')"
    _, page, tel = company

    def say(begin: int, end: int) -> None:
        for number in range(begin, end):
            tel.type(f"{to}line {number}")
        tel.sync()
        page.wait(f"{log}.textContent.includes(arguments[0])", f"line {end - 1}")

    say(0, 1)
    if to:
        page.click("#private-list button")
    say(1, 100)
    page.run(f"{log}.scrollTop = 0")
    page.wait("!document.querySelector('#new-lines').hidden")
    place = page.run(f"return {log}.scrollTop")
    say(100, 1000)
    assert len(page.said) == 1000
    say(1000, 2400)
    said = page.said
    assert len(said) < 2000
    missing = 2400 - len(said)
    begin = page.run(f"return [...{log}.firstChild.querySelectorAll('.say:has(~ .gap)')].length")
    assert begin > 10
    numbers = [*range(begin), *range(begin + missing, 2400)]
    assert said == [f"line {number}" for number in numbers]
    assert page.texts(".log:not([hidden]) .gap") == [f"Lines said here that are missing: {missing}"]
    assert page.run(f"return {log}.scrollTop") == place
    assert page.text("#new-lines") == "2300 new"
    page.click("#new-lines")
    say(2400, 3000)
    assert page.said[-1] == "line 2999"
    assert len(page.said) < 1500


def test_so_are_old_lines_kept_while_their_reader_is_in_another_conversation(
    company: tuple[Wire, Page, Client],
) -> None:
    log = "document.querySelector('.log:not([hidden])')"
    _, page, tel = company

    def say(begin: int, end: int) -> None:
        for number in range(begin, end):
            tel.type(f"line {number}")
        tel.type("/msg al done")
        tel.sync()

    say(0, 100)
    page.wait_for("line 99")
    page.run(f"{log}.scrollTop = 300")
    page.wait("!document.querySelector('#new-lines').hidden")
    page.click("#private-list button")
    page.wait_for("done")
    say(100, 2400)
    page.wait("document.querySelectorAll('.log:not([hidden]) .say').length === 2")
    page.click("#room-list button")
    assert page.run(f"return {log}.scrollTop") == 300
    said = page.said
    missing = 2400 - len(said)
    assert 0 < missing < 2000
    assert page.texts(".log:not([hidden]) .gap") == [f"Lines said here that are missing: {missing}"]
    assert said[:5] == [f"line {number}" for number in range(5)]
    assert said[-1] == "line 2399"


def test_what_was_said_in_a_room_is_new_only_to_a_page_that_was_there(
    server: ChatServer, driver: webdriver.Chrome
) -> None:
    page = Page(driver, port_of(server))
    page.join("al")
    counts = "[...document.querySelectorAll('#room-list .badge')].map((it) => it.textContent)"
    with Client(server, "tel") as tel:
        tel.type("/join toString")
        tel.type("one")
        tel.type("/join constructor")
        tel.type("two")
        tel.sync()
        page.wait("document.querySelector('#room-list').textContent.includes('#constructor')")
        assert page.run(f"return {counts}") == []
        for room in ("constructor", "lobby"):
            page.say(f"/join {room}")
            page.wait(f"document.querySelector('#where-name').textContent === '#{room}'")
        tel.type("three")
        page.wait(f"{counts}.join() === '1 new'")
    page.close()


FULL = "The room is full: it holds 2. Please try again later."


@pytest.fixture
def few(driver: webdriver.Chrome, monkeypatch: pytest.MonkeyPatch) -> Iterator[Few]:
    """Yield what a test has of a server that holds two people, and keeps no seats: al and tel."""
    monkeypatch.setattr(links, "SEAT_SECONDS", 0.0)
    limits = Limits(max_clients=2, max_per_address=0, max_connects=0, flood=None)
    with (
        run_server(web_address=("127.0.0.1", 0), limits=limits) as (server, _),
        wired(driver, port_of(server)) as (wire, page),
        Client(server, "tel") as tel,
    ):
        yield server, wire, page, tel


def test_who_is_refused_reads_why_until_they_come_in(few: Few) -> None:
    server, wire, page, tel = few
    banner = "document.querySelector('#banner-text').textContent"
    go_away(wire, page)
    assert page.run(f"return {banner}").startswith("The connection is lost. Trying again.")
    tel.expect("<-- al left")
    with Client(server, "cy"):
        wire.server_port = port_of(server)
        page.run("dispatchEvent(new Event('online'))")
        page.wait(f"{banner} === arguments[0]", FULL)
    tel.expect("<-- cy left")
    come_back(wire, page, port_of(server))
    tel.expect("--> al joined")


def test_who_is_refused_after_loading_the_page_anew_reads_why_at_the_door(few: Few) -> None:
    server, wire, page, tel = few
    page.load("about:blank")
    tel.expect("<-- al left")
    with Client(server, "cy"):
        page.load(f"http://127.0.0.1:{wire.port}/")
        page.wait("!document.querySelector('#join').hidden")
        assert page.text("#join-greeting") == FULL
    tel.expect("<-- cy left")
    page.join("al")


def test_a_page_that_is_left_is_away_at_once_and_goes_on_when_it_is_loaded_again(
    served: tuple[ChatServer, WatchingConsole], company: tuple[Wire, Page, Client]
) -> None:
    _, console = served
    wire, page, tel = company
    page.say("before")
    page.wait_for("before")
    page.load("about:blank")  # Chromium keeps the page, to show it again on the way back
    wait_until(lambda: "connection lost" in console.file.getvalue(), "it is noticed")
    tel.type("/msg al hi")
    tel.expect("=== The connection of al is lost.")
    tel.type("meanwhile")
    tel.sync()
    page.load(f"http://127.0.0.1:{wire.port}/")
    page.wait_for("meanwhile")
    page.say("after")
    tel.expect("al: after")
    assert page.said == ["before", "meanwhile", "after"]


def test_a_page_that_is_left_does_not_connect_before_it_is_seen_again(
    company: tuple[Wire, Page, Client],
) -> None:
    _, page, tel = company
    page.run("""
        const { setTimeout, clearTimeout } = window;
        window.tries = new Set();
        window.setTimeout = (act, delay) => {
            const id = setTimeout(act, delay);
            if (act.name === 'open') tries.add(id);
            return id;
        };
        window.clearTimeout = (id) => {
            tries.delete(id);
            clearTimeout(id);
        };
    """)
    assert page.run("dispatchEvent(new Event('pagehide')); return tries.size") == 0
    assert not page.run(f"return {IS_BACK}")
    tel.type("meanwhile")
    tel.sync()
    page.run("dispatchEvent(new Event('pageshow'))")
    page.wait_for("meanwhile")
    assert page.run(f"return {IS_BACK}")


def test_who_has_to_join_again_is_not_told_that_there_is_no_answer(
    server: ChatServer,
    company: tuple[Wire, Page, Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "SEAT_SECONDS", 0.0)
    wire, page, tel = company
    go_away(wire, page)
    tel.expect("<-- al left")
    tel.type("/nick al")
    tel.expect("You are now al.")
    come_back(wire, page, port_of(server))
    page.wait("document.querySelector('#join-name-error').textContent.startsWith('al is taken')")
    assert page.text("#join-greeting") == "Please join again."
    page.join("bo")
