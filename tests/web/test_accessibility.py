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

from tests.web.browser import Page, Screen, open_browser
from tests.web.scenes import SMALLEST, WIDE, cast, walk

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
