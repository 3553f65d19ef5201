"""A browser for the tests: Chromium, driven by selenium, and a wire to it that can be cut."""

import contextlib
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.waiting import wait_until

pytest.importorskip("selenium", reason="selenium is not installed (extra `browser`)")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
_DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --window-size=1280,800"
).split()


@contextlib.contextmanager
def open_browser(*further_flags: str) -> Iterator[webdriver.Chrome]:
    """Run Chromium with a new profile; skip the test where there is none."""
    if _CHROMIUM is None or _DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = _CHROMIUM
        for flag in (*_FLAGS, *further_flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_DRIVER))
        try:
            yield driver
        finally:
            driver.quit()


@dataclass(frozen=True)
class Screen:
    """A screen to look at the page on. Sizes are in CSS pixels."""

    name: str
    width: int
    height: int
    scale: int = 1
    is_touched: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether the columns at the sides are drawers."""
        return self.width < 900


class Page:
    """One tab with the chat's page in it. `port` is where the page is served.

    With a `screen` it is shown as on that one, in the colour `scheme` that the system prefers, with
    the times of an hour around noon.
    """

    def __init__(
        self,
        driver: webdriver.Chrome,
        port: int,
        screen: Screen | None = None,
        scheme: str = "light",
        *,
        url: str = "",
    ) -> None:
        self._driver = driver
        driver.switch_to.new_window("tab")
        self._tab = driver.current_window_handle
        if screen is not None:
            self._put_on(screen)
            self.set_scheme(scheme)
        driver.get(url or f"http://127.0.0.1:{port}/")

    def run(self, script: str, *arguments: object) -> Any:
        """Run `script` in the page; return what it returns."""
        if self._driver.current_window_handle != self._tab:
            self._driver.switch_to.window(self._tab)
        return self._driver.execute_script(script, *arguments)

    def run_slowly(self, script: str, *arguments: object) -> Any:
        """Run `script`, which calls its last argument with what it returns."""
        self.run("return 0")
        return self._driver.execute_async_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Return the text of the element, whether it is seen or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all such elements."""
        script = "return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)"
        return list(self.run(script, selector))

    @property
    def said(self) -> list[str]:
        """What the conversation that is shown has, without what is on its way."""
        return self.texts(".log:not([hidden]) > :first-child > :is(.say, .do) > .text")

    @property
    def lines(self) -> list[str]:
        """What was said in the conversation that is shown, with the names, as terminals show it."""
        script = """
            const said = document.querySelectorAll(".log:not([hidden]) > :first-child > .say");
            const textOf = (line, style) => line.querySelector(style).textContent;
            return [...said].map((it) => `${textOf(it, ".name")}: ${textOf(it, ".text")}`);
        """
        return list(self.run(script))

    def wait(self, script: str, *arguments: object) -> None:
        """Wait until `script`, an expression, is true in the page."""
        wait_until(lambda: bool(self.run(f"return {script}", *arguments)), script)

    def wait_for(self, words: str) -> None:
        """Wait until the last that was said is `words`."""
        wait_until(lambda: self.said[-1:] == [words], f"the page shows {words!r}")

    def type(self, *keys: str) -> None:
        """Type `keys` wherever the focus is."""
        self.run("return 0")  # switches to the tab
        self._driver.switch_to.active_element.send_keys(*keys)

    def click(self, selector: str) -> None:
        """Click the element."""
        self.run("return 0")
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    def join(self, name: str) -> None:
        """Join under `name`, and wait until the page is in the lobby."""
        self.wait("document.activeElement.id === 'join-name'")
        self.run("document.activeElement.value = ''")
        self.type(name, Keys.ENTER)
        self.wait("document.querySelector('#join').hidden")
        self.wait("document.querySelector('#where-name').textContent === '#lobby'")

    def say(self, *lines: str) -> None:
        """Type `lines` where one talks."""
        self.run("document.querySelector('#line').focus()")
        for line in lines:
            self.type(line, Keys.ENTER)

    def load(self, url: str) -> None:
        """Load another page into the tab."""
        self.run("return 0")
        self._driver.get(url)

    def leave(self) -> None:
        """Leave for good."""
        self.run("document.querySelector('#leave').click()")
        self.wait("!document.querySelector('#join').hidden")

    def close(self) -> None:
        """Leave for good, and close the tab."""
        self.leave()
        self.close_tab()

    def close_tab(self) -> None:
        """Close the tab without a word."""
        self.run("return 0")
        self._driver.close()
        self._driver.switch_to.window(self._driver.window_handles[0])

    def set_scheme(self, scheme: str) -> None:
        """Have the system prefer the colour scheme `light` or `dark`."""
        wanted = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self._command("Emulation.setEmulatedMedia", features=wanted)

    def _put_on(self, screen: Screen) -> None:
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width, height=screen.height,
            deviceScaleFactor=screen.scale, mobile=screen.is_touched,
        )  # fmt: skip
        self._command("Emulation.setTouchEmulationEnabled", enabled=screen.is_touched)
        hours = time.gmtime().tm_hour - 12
        self._command("Emulation.setTimezoneOverride", timezoneId=f"Etc/GMT{hours:+d}")
        self._command("Emulation.setLocaleOverride", locale="en-GB")

    def picture(self) -> bytes:
        """Return what is seen, as a PNG."""
        self.run("return 0")
        return self._driver.get_screenshot_as_png()

    def _command(self, name: str, **values: object) -> None:
        self.run("return 0")
        self._driver.execute_cdp_cmd(name, values)

    @property
    def complaints(self) -> Sequence[str]:
        """What the browser's console says of errors and of what the policy has stopped."""
        entries: list[dict[str, Any]] = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [json.dumps(entry) for entry in entries if entry["level"] == "SEVERE"]


class Wire:
    """What stands between a page and the server: it passes all on, until it is cut or frozen.

    `server_port` may change: that of further connections, which are refused where nobody listens.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()  # guards the sockets
        self._sockets: list[socket.socket] = []
        self._frozen: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets += [client, server]
            for pair in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pump, args=pair)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source not in self._frozen:
                    target.sendall(data)
        for it in (source, target):
            with contextlib.suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Cut all connections that there are."""
        with self._lock:
            for it in self._sockets:
                with contextlib.suppress(OSError):
                    it.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Lose from now on what the connections that there are send, and tell nobody."""
        with self._lock:
            self._frozen += self._sockets

    def lose_answers(self) -> None:
        """Lose from now on what the server sends on the connections that there are."""
        with self._lock:
            self._frozen += self._sockets[1::2]

    def close(self) -> None:
        """Cut all, and end the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()
        for it in self._sockets:
            it.close()
