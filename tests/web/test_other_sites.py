"""Pages of other sites, in a real browser: nobody talks through the browser of somebody else."""

import contextlib
import http.server
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `test`)")

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.web.browser import Page, open_browser
from threadchat import ChatServer
from threadchat.web.requests import NOT_OURS

pytestmark = pytest.mark.slow

# Names whose address is that of the server: of somebody else, and one that the operator gave.
OTHER, OWN = "other.example", "chat.example"

_ATTACKS = """
const [port, chatPort, hook, done] = arguments;
const target = `http://127.0.0.1:${port}`;
const socket = (path) => new Promise((end) => {
  const it = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  it.onopen = () => end("open");
  it.onclose = () => end("refused");
});
const get = (url, options) => fetch(url, options).then((it) => it.type, () => "refused");
const element = (tag, values) => new Promise((end) => {
  const it = Object.assign(document.createElement(tag), values);
  it.onload = () => end("loaded");
  it.onerror = () => end("refused");
  document.body.append(it);
});
(async () => ({
  socket: await socket("/ws"),
  resumed: await socket("/ws?resume"),
  page: await get(`${target}/`),
  "page unread": await get(`${target}/`, { mode: "no-cors" }),
  "with what the browser knows": await get(`${target}/health`, { credentials: "include" }),
  file: await get(`${target}/main.js`),
  picture: await element("img", { src: `${target}/icon.svg` }),
  "code of the address": await element("img", { src: `${target}/qr.svg` }),
  script: await element("script", { src: `${target}/dom.js` }),
  module: await import(`${target}/main.js`).then(() => "loaded", () => "refused"),
  post: await get(`${target}/ws`, { method: "POST", body: "name=mallory" }),
  "post to a hook": await get(`${target}${hook}`, { method: "POST", body: "evil" }),
  "post to a hook, unread": await get(
    `${target}${hook}`, { method: "POST", mode: "no-cors", body: "evil" }),
  "beacon to a hook": navigator.sendBeacon(`${target}${hook}`, "evil") && "refused",
  "post to terminals": await get(
    `http://127.0.0.1:${chatPort}/`, { method: "POST", body: "mallory\\nhello\\n" }),
}))().then(done);
"""

_FORM = """
const form = document.createElement("form");
Object.assign(form, { method: "post", enctype: "text/plain", action: arguments[0] });
const field = document.createElement("input");
Object.assign(field, { name: "mallory\\nhello", value: "" });
form.append(field);
document.body.append(form);
form.submit();
"""


class _Site(http.server.BaseHTTPRequestHandler):
    """A page of another site; a script of the test does what it would do."""

    timeout = 1.0  # ends the spare connections that browsers open, on which nothing comes

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Other</title><body>Other"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    rules = f"--host-resolver-rules=MAP {OTHER} 127.0.0.1, MAP {OWN} 127.0.0.1"
    with open_browser(rules) as driver:
        yield driver


@pytest.fixture
def served(driver: webdriver.Chrome) -> Iterator[tuple[ChatServer, WatchingConsole]]:
    with run_server(web_address=("127.0.0.1", 0), web_hosts=[OWN]) as pair:
        yield pair


@pytest.fixture
def web_port(served: tuple[ChatServer, WatchingConsole]) -> int:
    listener = served[0].web_listener
    assert listener is not None
    return int(listener.server_address[1])


@contextlib.contextmanager
def other_site() -> Iterator[str]:
    """Serve the page of the other site; yield its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://{OTHER}:{site.server_address[1]}/"
        finally:
            site.shutdown()
            thread.join()


def nobody_came(console: WatchingConsole, tel: Client) -> bool:
    """Return whether `tel` is the only person that was let in, and has read of no other."""
    tel.type("/who")
    tel.expect("=== 1 person is here: tel.\r\n")
    return "-->" not in tel.received.decode() and " by browser" not in console.file.getvalue()


def test_a_foreign_name_of_the_server_shows_one_line_and_does_nothing(
    driver: webdriver.Chrome, served: tuple[ChatServer, WatchingConsole], web_port: int
) -> None:
    # DNS rebinding: to the browser it is one site with the attacker's pages.
    with Client(served[0], "tel") as tel:
        page = Page(driver, 0, url=f"http://{OTHER}:{web_port}/")
        assert page.run("return document.body.innerText").strip() == NOT_OURS
        status = "return performance.getEntriesByType('navigation')[0].responseStatus"
        assert page.run(status) == 421
        answers = page.run_slowly(
            """
            const done = arguments[0];
            const paths = ["/", "/main.js", "/health", "/qr.svg"];
            const statuses = paths.map((path) => fetch(path).then((it) => it.status));
            const socket = new WebSocket(`ws://${location.host}/ws`);
            socket.onopen = () => done("open");
            socket.onclose = () => Promise.all(statuses).then(done);
            """
        )
        assert answers == [421] * 4
        assert nobody_came(served[1], tel)
        page.close_tab()


def test_a_page_of_another_site_gets_nothing_and_says_nothing(
    driver: webdriver.Chrome, served: tuple[ChatServer, WatchingConsole], web_port: int
) -> None:
    server, _ = served
    with Client(server, "tel") as tel, other_site() as url:
        page = Page(driver, 0, url=url)
        hook = f"/hook/{server.chat.hooks.add('ci', 'lobby')[1]}"
        found = page.run_slowly(_ATTACKS, web_port, server.server_address[1], hook)
        assert set(found.values()) == {"refused"}, found
        page.run(
            "const frame = document.createElement('iframe');"
            "frame.src = arguments[0]; document.body.append(frame);",
            f"http://127.0.0.1:{web_port}/",
        )
        driver.switch_to.frame(0)
        assert driver.find_elements(By.ID, "join") == []
        driver.switch_to.default_content()
        for target in (
            f"127.0.0.1:{web_port}/ws",
            f"127.0.0.1:{web_port}{hook}",
            f"127.0.0.1:{server.server_address[1]}/",
        ):
            page.load(url)
            page.run(_FORM, f"http://{target}")
            page.wait("location.href !== arguments[0]", url)  # it has had an answer
        assert nobody_came(served[1], tel)
        assert server.chat.hooks.all()[0].used == 0
        page.close_tab()


def test_a_name_that_the_operator_gave_is_right(
    driver: webdriver.Chrome, served: tuple[ChatServer, WatchingConsole], web_port: int
) -> None:
    page = Page(driver, 0, url=f"http://{OWN}:{web_port}/")
    page.join("al")
    # A browser shows notifications of secure pages only; the page says so.
    assert page.run("return !isSecureContext && document.querySelector('#set-notify').disabled")
    assert "https" in page.text("#notify-why")
    page.close()
