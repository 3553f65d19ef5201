"""The form at the door, in a real browser: passwords, protected names, https."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `test`)")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.clients import Client
from tests.support.servers import run_server
from tests.web.browser import Page, open_browser
from threadchat import ChatServer, Limits
from threadchat.chat.rules import RulesFiles
from threadchat.server import weblistener
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE

pytestmark = pytest.mark.slow

IS_IN = (
    "document.querySelector('#join').hidden && document.querySelector('#where-name').textContent"
)


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with open_browser("--ignore-certificate-errors") as driver:
        yield driver


@contextlib.contextmanager
def opened(
    driver: webdriver.Chrome, scheme: str = "http", **options: Any
) -> Iterator[tuple[ChatServer, Page]]:
    """Run a server and open its page; at the end, fail if the browser has a complaint."""
    with run_server(web_address=("127.0.0.1", 0), **options) as (server, _):
        assert server.web_listener is not None
        page = Page(driver, 0, url=f"{scheme}://127.0.0.1:{server.web_listener.server_address[1]}/")
        yield server, page
        page.close()
        assert page.complaints == []


def fill_in(page: Page, which: str, text: str, *more: str) -> None:
    """Write `text` into a field of the form, and press Enter if that is in `more`."""
    page.run(f"document.querySelector('#join-{which}').select()")
    page.type(text, *more)


def test_the_password_of_the_server_is_asked_for_with_the_name(
    driver: webdriver.Chrome, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    with opened(driver, files=RulesFiles(password=file)) as (_, page):
        page.wait("!document.querySelector('#join-secret-field').hidden")
        assert page.run("return document.querySelector('#join-secret').type") == "password"
        fill_in(page, "name", "al")
        fill_in(page, "secret", "wrong", Keys.ENTER)
        page.wait("document.querySelector('#join-secret-error').textContent")
        assert page.run("return document.activeElement.id") == "join-secret"
        fill_in(page, "secret", "open sesame", Keys.ENTER)
        page.wait(IS_IN)
        assert page.run("return document.querySelector('#join-secret').value") == ""
        # Whoever comes back from this page is not asked again.
        page.leave()
        fill_in(page, "name", "al", Keys.ENTER)
        page.wait(IS_IN)


def test_a_protected_name_is_had_by_its_passphrase(
    driver: webdriver.Chrome, tmp_path: Path
) -> None:
    stored: dict[str, Any] = {
        "history": StoredHistory(tmp_path / "chat.db", print),
        "records": Records(tmp_path / "chat.db"),
    }
    with opened(driver, **stored) as (server, page):
        page.join("al")
        page.say("/protect")
        for _ in range(2):
            page.wait("document.querySelector('#ask-dialog').open")
            assert page.run("return document.activeElement.type") == "password"
            page.type("correct horse", Keys.ENTER)
        page.wait("document.querySelector('.info:last-child')?.textContent.includes('yours')")
        assert "correct horse" not in page.run("return document.documentElement.innerHTML")
        page.leave()
        fill_in(page, "name", "al", Keys.ENTER)
        page.wait("!document.querySelector('#join-secret-field').hidden")
        fill_in(page, "secret", "wrong", Keys.ENTER)
        page.wait("document.querySelector('#join-secret-error').textContent")
        fill_in(page, "secret", "correct horse", Keys.ENTER)
        page.wait(IS_IN)
        with Client(server, "tel") as tel:
            page.say("it is me")
            tel.expect("al: it is me\r\n")


def test_who_is_refused_at_the_door_reads_why(driver: webdriver.Chrome) -> None:
    limits = Limits(max_clients=2, max_per_address=0, max_connects=0, flood=None)
    with opened(driver, limits=limits) as (server, page), Client(server, "tel") as tel:
        page.join("al")
        page.leave()
        tel.expect("<-- al left")
        page.run("""
            const { setTimeout } = window;
            window.setTimeout = (act, delay) => {
                if (act.name === 'open') window.isTryingAgain = true;
                return setTimeout(act, delay);
            };
        """)
        with Client(server, "cy"):
            fill_in(page, "name", "al", Keys.ENTER)
            page.wait("window.isTryingAgain")
            greeting = "The room is full: it holds 2. Please try again later."
            assert page.text("#join-greeting") == greeting
        tel.expect("<-- cy left")
        fill_in(page, "name", "al", Keys.ENTER)
        page.wait(IS_IN)


def test_the_page_is_there_by_https_too(driver: webdriver.Chrome, context: ssl.SSLContext) -> None:
    with opened(driver, "https", tls=context, tls_address=("127.0.0.1", 0)) as (server, page):
        page.join("al")
        with Client(server, "tel") as tel:
            page.say("hello")
            tel.expect("al: hello\r\n")
            tel.type("hello yourself")
            page.wait_for("hello yourself")
        assert page.run("return isSecureContext && !document.querySelector('#set-notify').disabled")
        fetched = "fetch('/qr.svg').then((it) => it.text()).then(arguments[0])"
        assert page.run("return location.href") in page.run_slowly(fetched)


def test_a_browser_at_the_port_for_terminals_is_sent_on(
    driver: webdriver.Chrome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weblistener, "PATIENCE_SECONDS", DEADLINE)
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        assert server.web_listener is not None
        driver.get(f"http://127.0.0.1:{server.server_address[1]}/")
        assert driver.current_url == server.web_listener.url_at("127.0.0.1")
        assert driver.title == "threadchat"


def test_without_scripts_the_page_says_how_to_join_from_a_terminal() -> None:
    with (
        open_browser("--blink-settings=scriptEnabled=false") as driver,
        run_server(web_address=("127.0.0.1", 0)) as (server, _),
    ):
        assert server.web_listener is not None
        driver.get(f"http://127.0.0.1:{server.web_listener.server_address[1]}/")
        card = driver.find_element(By.CSS_SELECTOR, "noscript .card")
        assert f"telnet 127.0.0.1 {server.server_address[1]}" in card.text
        assert card.value_of_css_property("padding-top") == "32px"
