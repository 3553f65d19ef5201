"""The page in a real browser: talking, broken connections, what strangers say, the keyboard."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `browser`)")

from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.support.clients import Client
from tests.support.pages import Page as WithoutBrowser
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from tests.web.browser import Page, Wire, open_browser
from threadchat import ChatServer
from threadchat.storage.history import History
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.web import framing
from threadchat.web.deflate import deflated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


@pytest.fixture
def server(driver: webdriver.Chrome) -> Iterator[ChatServer]:
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        yield server


@pytest.fixture
def page(driver: webdriver.Chrome, server: ChatServer) -> Iterator[Page]:
    page = Page(driver, _port_of(server))
    yield page
    complaints = page.complaints
    page.close()
    assert complaints == []


@pytest.fixture
def wire(server: ChatServer) -> Iterator[Wire]:
    wire = Wire(_port_of(server))
    yield wire
    wire.close()


@pytest.fixture
def wired(driver: webdriver.Chrome, wire: Wire) -> Iterator[Page]:
    """A page of al's whose connection a test can break."""
    page = Page(driver, wire.port)
    page.join("al")
    yield page
    page.close()
    assert page.complaints is not None  # a wire that is cut is an error for the console


def _port_of(server: ChatServer) -> int:
    assert server.web_listener is not None
    return int(server.web_listener.server_address[1])


def _received(client: Client) -> str:
    return client.received.decode()


def test_two_browsers_and_a_socket_have_one_order(
    driver: webdriver.Chrome, server: ChatServer, page: Page
) -> None:
    page.join("al")
    other = Page(driver, _port_of(server))
    other.join("bo")
    with Client(server, "tel") as tel:
        for number in range(4):
            page.say(f"al {number}")
            other.say(f"bo {number}")
            tel.type(f"tel {number}")
        tel.expect("bo: bo 3\r\n")
        for it in (page, other):
            wait_until(lambda it=it: len(it.said) == 12, "all is there")  # type: ignore[misc]
        assert page.said == other.said
        tel.sync()
        own_origin = page.run("return location.origin")
        asked = page.run("return performance.getEntriesByType('resource').map((it) => it.name)")
        assert asked
        assert all(url.startswith(own_origin) for url in asked)
    other.close()


def test_a_name_that_is_taken_is_answered_in_the_form(server: ChatServer, page: Page) -> None:
    with Client(server, "tel"):
        page.wait("document.activeElement.id === 'join-name'")
        page.run("document.activeElement.value = ''")
        page.type("tel", Keys.ENTER)
        page.wait(
            "document.querySelector('#join-name-error').textContent.startsWith('tel is taken')"
        )
        assert page.run("return document.activeElement.getAttribute('aria-invalid')") == "true"
        page.join("al")


def test_private_words_have_a_conversation_of_their_own(server: ChatServer, page: Page) -> None:
    page.join("al")
    with Client(server, "tel") as tel:
        tel.type("/msg al psst")
        page.wait("document.querySelector('#private-list .badge')")
        assert page.run("return document.title") == "(1) lobby \u2013 threadchat"
        assert page.run("return document.querySelector('#icon').href").endswith("-unread.svg")
        page.click("#private-list button")
        page.wait_for("psst")
        page.say("what is it?")
        tel.expect("[al -> you] what is it?\r\n")
        page.wait_for("what is it?")
        page.click("#room-list button")
        assert page.said == []


def test_another_room_takes_the_place_of_a_private_conversation(
    server: ChatServer, page: Page
) -> None:
    page.join("al")
    with Client(server, "tel") as tel:
        page.say("/msg tel psst")
        page.wait_for("psst")
        page.say("/join games")
        page.wait("document.querySelector('#where-name').textContent === '#games'")
        page.say("here I am")
        page.wait_for("here I am")
        assert page.said == ["here I am"]
        page.click("#private-list button")
        tel.type("/msg al hi")
        page.wait_for("hi")
        assert page.said == ["psst", "hi"]


def test_a_new_name_is_told_as_quietly_as_who_comes(server: ChatServer, page: Page) -> None:
    page.join("al")
    with Client(server, "tel") as tel:
        tel.type("/nick bo")
        page.wait("[...document.querySelectorAll('.event')].at(-1).textContent.includes('is now')")
        for style in ("color", "fontWeight", "cursor"):
            looks = page.run(
                "return [...document.querySelectorAll('.event')].slice(-2)"
                ".map((it) => getComputedStyle(it)[arguments[0]])",
                style,
            )
            assert looks[0] == looks[1]


def test_own_lines_are_said_once_over_a_connection_that_is_cut(
    server: ChatServer, wire: Wire, wired: Page
) -> None:
    with Client(server, "tel") as tel:
        for number in range(4):
            wired.say(f"before {number}")
            wire.cut()
            wired.say(f"behind {number}")
            tel.expect(f"al: behind {number}\r\n")
        wired.wait_for("behind 3")
        whole = [f"{word} {number}" for number in range(4) for word in ("before", "behind")]
        assert wired.said == whole
        wired.wait("!document.querySelector('.on-way')")
        said = [line[4:] for line in _received(tel).splitlines() if line.startswith("al: ")]
        assert said == whole
        assert "<-- al" not in _received(tel)


def test_after_a_freeze_nothing_is_missing_and_nothing_double(
    server: ChatServer, wire: Wire, wired: Page
) -> None:
    with Client(server, "tel") as tel:
        tel.type("one")
        wired.wait_for("one")
        wire.freeze()
        for line in ("two", "/msg al three"):
            tel.type(line)
        tel.expect("[you -> al] three\r\n")
        wired.say("four")  # goes nowhere
        wired.run("dispatchEvent(new Event('online'))")  # the page asks for a sign, in vain
        tel.expect("al: four\r\n")
        wired.wait_for("four")
        assert wired.said == ["one", "two", "four"]
        assert wired.texts("#private-list .badge") == ["1 new"]


def test_a_page_that_is_loaded_anew_goes_on(server: ChatServer, page: Page) -> None:
    page.join("al")
    with Client(server, "tel") as tel:
        for line in ("hello", "/msg al psst"):
            tel.type(line)
        page.wait_for("hello")
        page.run("location.reload()")
        page.wait("document.querySelector('#where-name')?.textContent === '#lobby'")
        page.wait_for("hello")
        page.wait("document.querySelector('#private-list button')")
        page.say("still here")
        tel.expect("al: still here\r\n")
        assert "<-- al" not in _received(tel)


def test_the_page_answers_commands_that_list_something(server: ChatServer, page: Page) -> None:
    page.join("al")
    with Client(server, "tel") as tel, Client(server, "kai") as kai:
        kai.type("/join games")
        kai.expect("You are in games.")
        tel.sync()
        shown = ".log:not([hidden]) .event:last-child .text"
        for line, answer in (
            ("/who", "In lobby (2): al, tel"),
            ("/who games", "In games (1): kai"),
            ("/rooms", "Rooms (2): "),
            ("/whois tel", "tel is in lobby, here for"),
            ("/protected", "/protected is for operators"),
        ):
            page.say(line)
            if line == "/protected":
                shown = "#status"
            page.wait(
                "document.querySelector(arguments[0])?.textContent.startsWith(arguments[1])",
                shown,
                answer,
            )
        page.type("x")
        page.wait("!document.querySelector('#status').textContent")
        page.run("document.activeElement.value = ''")
        page.say("/help")
        page.wait("document.querySelector('.info:last-child')?.textContent.startsWith('//')")
        answers = page.texts(".info > .text")
        # Columns stand below each other, whatever the width of the letters.
        assert next(it for it in answers if "talk" in it).startswith("  talk\t/help /me ")
        assert next(it for it in answers if "/quit" in it).startswith(("\t", "  people\t"))


def test_earlier_lines_come_on_scrolling_up_and_stay_above_later_ones(
    server: ChatServer, page: Page
) -> None:
    said = [f"line {number}" + " and more words" * 20 for number in range(50)]
    with Client(server, "tel") as tel:
        for line in said:
            tel.type(line)
        tel.sync()
        page.join("al")
        page.wait_for(said[-1])
        assert page.said == said[-20:]
        # An answer may have a line that is still on its way to the page: it must not come on top.
        page.run("""
            const parse = JSON.parse;
            JSON.parse = (text) => {
                const it = parse(text);
                const last = it.messages?.at(-1);
                if (last) it.messages.push({ ...last, seq: last.seq + 1, text: "and the end" });
                return it;
            };
            document.querySelector(".log:not([hidden])").scrollTop = 0;
        """)
        wait_until(lambda: len(page.said) == 50, "all are there")
        place = "return document.querySelector('.log:not([hidden])').scrollTop"
        before = page.run(place)
        tel.type("and the end")
        page.wait_for("and the end")
        assert page.said == [*said, "and the end"]
        # Nobody is carried away from what they read.
        page.wait("document.querySelector('#new-lines').textContent === '1 new'")
        assert page.run(place) == before
        page.click("#new-lines")
        page.wait("document.querySelector('#new-lines').hidden")


def test_lines_that_are_pasted_together_stay_apart(page: Page) -> None:
    page.join("al")
    page.run("document.querySelector('#line').focus()")
    page.run("""
        const clipboardData = new DataTransfer();
        clipboardData.setData("text", "one\\n  two\\r\\nthree\\n");
        const event = { clipboardData, cancelable: true };
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", event));
    """)
    assert page.run("return document.activeElement.value") == "one two three"


def test_somebody_is_brought_in_by_a_code(page: Page) -> None:
    page.join("al")
    page.click("#invite")
    page.wait("document.querySelector('#code-dialog[open] img').naturalWidth > 0")
    cross = "document.querySelector('#code-dialog .cross')"
    assert page.run(f"return {cross}.offsetTop < 30 && {cross}.offsetLeft > 200")  # in the corner
    fetched = "fetch('/qr.svg').then((it) => it.text()).then(arguments[0])"
    assert page.run("return location.href") in page.run_slowly(fetched)
    page.type(Keys.ESCAPE)
    page.wait("!document.querySelector('dialog[open]')")


@pytest.mark.parametrize("keeps", [True, False])
def test_a_line_of_which_nobody_knows_whether_it_was_said(
    driver: webdriver.Chrome, tmp_path: Path, keeps: bool
) -> None:
    def history() -> History:
        return StoredHistory(tmp_path / "chat.db", print) if keeps else History()

    line = "am I heard?"
    with contextlib.closing(Wire(0)) as wire:
        with run_server(web_address=("127.0.0.1", 0), history=history()) as (server, _):
            wire.server_port = _port_of(server)
            page = Page(driver, wire.port)
            page.join("al")
            with Client(server, "tel") as tel:
                wire.lose_answers()
                page.say(line)
                tel.expect(f"al: {line}\r\n")
        page.wait("!document.querySelector('#banner').hidden")
        with run_server(web_address=("127.0.0.1", 0), history=history()) as (server, _):
            wire.server_port = _port_of(server)
            page.run("dispatchEvent(new Event('online'))")
            page.wait("document.querySelector('#banner').hidden")
            if not keeps:  # nothing tells whether it was: the person decides
                page.wait("document.querySelector('.on-way button')")
                assert page.texts(".on-way .mark") == ["not sent Send again Forget it"]
                page.click(".on-way button")
            page.wait_for(line)
            page.say("at last")
            page.wait_for("at last")
            assert page.said == [line, "at last"]
            assert page.texts(".on-way") == []
            page.close()
    assert page.complaints is not None  # a server that is away is an error for the console


_BREAKING_OUT = ("", '">', "'>", "</bdi></div>", "]]>", "-->")
_RUNNING = (
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg onload=window.ran=1>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<details open ontoggle=window.ran=1>",
    "<style>@import 'http://a.example/'</style>",
    "<form action=javascript:window.ran=1><input autofocus onfocus=window.ran=1>",
    "{{constructor.constructor('window.ran=1')()}}${window.ran=1}",
    "javascript:window.ran=1",
    'https://a.example/"onmouseover="window.ran=1',
    "https://a.example/<img/src/onerror=window.ran=1>",
)
INJECTIONS = [before + words for before in _BREAKING_OUT for words in _RUNNING]

AS_WORDS_OF = ("", "/me ", "/topic ", "/away ", "/msg al ", "/nick ", "/join ")


def test_nothing_that_people_say_runs(server: ChatServer, page: Page) -> None:
    page.join("al")
    elements = "return document.querySelectorAll('script, img, iframe, style, form').length"
    before = page.run(elements)
    with Client(server, "tel") as tel, WithoutBrowser(server, "web") as web:
        for say in (tel.type, web.type):
            for words in INJECTIONS:
                for command in AS_WORDS_OF:
                    say(command + words)
        web.type("the end of it")
        web.expect("say", text="the end of it")
        tel.sync()
        page.wait("document.querySelector('#views').textContent.includes('the end of it')")
        tel.type("the end")
        page.wait_for("the end")
        assert page.text("#topic") == INJECTIONS[-1]
        assert INJECTIONS[0] in page.said
        for line in ("/search window", "/whois tel", "/rooms", "/who"):
            page.say(line)
            page.run("document.querySelector('dialog[open]')?.close()")
        page.run("document.querySelector('#private-list button').click()")
        assert set(INJECTIONS) <= set(page.said)
        assert page.run(elements) == before
        assert page.run("return window.ran === undefined")
        links = (
            "return [...document.querySelectorAll('#views a')].map((it) => [it.protocol, it.rel])"
        )
        rel = "noopener noreferrer"
        assert set(map(tuple, page.run(links))) == {("http:", rel), ("https:", rel)}


def test_all_can_be_done_with_the_keyboard(server: ChatServer, page: Page) -> None:
    page.join("al")
    with Client(server, "telly") as tel:
        tel.type("hello")
        page.wait_for("hello")
        page.type("te", Keys.TAB)
        assert page.run("return document.activeElement.value") == "telly: "
        page.type("hi", Keys.ENTER)
        tel.expect("al: telly: hi\r\n")
        page.type(Keys.ARROW_UP)
        assert page.run("return document.activeElement.value") == "telly: hi"
        page.type(Keys.ARROW_DOWN, "/aw", Keys.ARROW_DOWN)
        assert page.text("#completions [aria-selected=true] b") == "/away "
        page.type(Keys.ENTER, "lunch", Keys.ENTER)
        tel.expect("--- al is away: lunch\r\n")
        for _ in range(30):
            if page.run("return document.activeElement.id") == "open-search":
                break
            page.type(Keys.SHIFT + Keys.TAB)
        page.type(Keys.ENTER)
        page.type("hello", Keys.ENTER)
        page.wait("document.querySelector('#search-found .line')")
        page.type(Keys.ESCAPE)
        assert page.run("return document.activeElement.id") == "open-search"


def test_much_comes_compressed_and_goes_so(
    server: ChatServer, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed: list[bytes] = []

    def write_down(text: bytes) -> bytes:
        compressed.append(text)
        return deflated(text)

    monkeypatch.setattr(framing, "deflated", write_down)
    much = "over and over, é漢😀 " * 100
    with contextlib.ExitStack() as stack:
        for number in range(framing.MANY):  # these are sent it as it is
            stack.enter_context(WithoutBrowser(server, f"p{number}"))
        page.join("al")
        tel = stack.enter_context(Client(server, "tel"))
        tel.type(much)
        page.wait_for(much.strip())
        assert len(compressed) == 1
        page.say(much)
        tel.expect(f"al: {much.strip()}\r\n")
        wait_until(lambda: len(page.said) == 2, "it is back")
        assert page.said == [much.strip()] * 2
