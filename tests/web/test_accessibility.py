"""Whether everybody can use the page: `axe-core` looks at each scene, in both colour schemes."""

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (extra `test`)")
pytest.importorskip("axe_core_python", reason="axe-core is not installed (extra `test`)")

from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.support.clients import Client
from tests.support.servers import run_server
from tests.web.browser import Page, Screen, open_browser
from tests.web.scenes import SMALLEST, WIDE, cast, walk
from threadchat.text.names import MAX_NAME_CELLS

pytestmark = pytest.mark.slow

_OWN = str(resources.files("axe_core_python").joinpath("axe.min.js"))
AXE = Path(os.environ.get("AXE_CORE") or _OWN).read_text(encoding="utf-8")
"""The script: a newer one if `AXE_CORE` says where, else that of the package."""

_RUN = """
const [only, done] = arguments;
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const runOnly = only ? [only] : tags;
const shown = ({ id, nodes }) => nodes.map((it) => `${id}: ${it.html.slice(0, 120)}`);
axe.run({ runOnly, resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.flatMap(shown)),
  (error) => done([String(error)]),
);
"""

# A target may be larger than it looks: a label is one with its box, and the topic fills its place.
_SMALL_TARGETS = """
const targetOf = (it) => it.closest("label") ?? it.closest(".where") ?? it;
return [...document.querySelectorAll("button, input, [role=option]")]
  .filter((it) => it.checkVisibility() && !it.closest("[inert]"))
  .filter((it) => !document.querySelector("dialog[open]") || it.closest("dialog"))
  .map((it) => [it.id || it.outerHTML, targetOf(it).getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 43.9 || height < 43.9)
  .map(([what, { width, height }]) => `${what}: ${width} x ${height}`);
"""

_OVERFLOWING = """
return [...document.querySelectorAll("body *")]
  .filter((it) => it.checkVisibility() && !it.closest("[inert], svg"))
  .filter((it) => it.getBoundingClientRect().right > innerWidth + 0.5)
  .map((it) => it.id || it.className || it.tagName);
"""

# What can be moved to the side, or stands out of what holds it.
_TOO_WIDE = """
return [...document.querySelectorAll("body *")]
  .filter((it) => it.checkVisibility() && /auto|scroll/.test(getComputedStyle(it).overflowX))
  .filter((it) => it.scrollWidth > it.clientWidth)
  .map((it) => it.id || it.className || it.tagName);
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with open_browser() as driver:
        yield driver


def violations(page: Page, scheme: str, rule: str = "") -> list[str]:
    """Return what axe-core finds in the page: by all rules, or by one."""
    page.set_scheme(scheme)
    if page.run("return typeof axe === 'undefined'"):
        page.run(AXE)
    found: list[Any] = page.run_slowly(_RUN, rule)
    return [f"{scheme}, {it}" for it in found]


@pytest.mark.parametrize("screen", [SMALLEST, WIDE], ids=lambda it: it.name)
def test_no_scene_shuts_anybody_out(driver: webdriver.Chrome, screen: Screen) -> None:
    found: dict[str, list[str]] = {}
    with cast() as actors:
        page = Page(driver, actors.wire.port, screen)
        for scene in walk(page, actors, screen):
            # All but the contrast is the same in both schemes.
            found[scene] = [
                *violations(page, "dark", "color-contrast"),
                *violations(page, "light"),
                *page.run(_SMALL_TARGETS),
                *page.run(_OVERFLOWING),
            ]
        page.close_tab()
    assert {"join-error", "talk", "private", "settings", "lost"} <= found.keys()
    assert {scene: what for scene, what in found.items() if what} == {}


def test_the_widest_names_and_words_fit_on_the_smallest_screen(driver: webdriver.Chrome) -> None:
    name, own, word = "W" * MAX_NAME_CELLS, "M" * MAX_NAME_CELLS, "w" * 90
    with run_server(web_address=("127.0.0.1", 0)) as (server, _), Client(server, name) as client:
        assert server.web_listener is not None
        page = Page(driver, server.web_listener.server_address[1], SMALLEST)
        found: dict[str, list[str]] = {}

        def look(scene: str) -> None:
            found[scene] = page.run(_TOO_WIDE)

        page.wait("document.querySelector('#join-greeting').textContent.includes('WWW')")
        look("join")
        page.join(own)
        for line in (f"/topic {word}", f"/me {word}", f"/msg {own} {word}", f"/away {word}", "x"):
            client.type(line)
        client.type(f"/me waves to {own}")
        page.say("/me is here")
        page.wait("document.querySelectorAll('.log:not([hidden]) .do').length === 3")
        look("talk")
        # Beside a long name there is room for words, still.
        assert page.run("return document.querySelector('.do:last-child .text').offsetWidth") > 60
        page.run("document.querySelector('.log:not([hidden]) .name').click()")
        page.wait("document.querySelector('dialog[open]')")
        look("person")
        page.type(Keys.ESCAPE)
        page.say(f"/search {word}")
        page.wait("document.querySelector('#search-found .line')")
        look("search")
        page.type(Keys.ESCAPE)
        page.click("#open-people")
        look("people")
        page.leave()
        page.close_tab()
    assert {scene: what for scene, what in found.items() if what} == {}


def test_what_shuts_people_out_is_found(driver: webdriver.Chrome) -> None:
    with cast() as actors:
        page = Page(driver, actors.wire.port, WIDE)
        page.join("al")
        page.run("document.querySelector('#send').removeAttribute('aria-label')")
        page.run("document.documentElement.style.setProperty('--soft', '#999')")
        page.run("document.querySelector('#open-search').style.minHeight = '30px'")
        rules = {it.split(":")[0] for it in violations(page, "light")}
        assert {"light, button-name", "light, color-contrast"} <= rules
        assert page.run(_SMALL_TARGETS) != []
        page.close()
