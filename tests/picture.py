"""Draw the README's pictures again: `python -m tests.picture`.

Writes data/session.svg, which shows plink, PuTTY's client for the command line, in a room where
somebody talks while its user is in the middle of a line; and data/page-phone.png and
data/page-wide.png, which show the page in Chromium.

`python -m tests.picture DIR` writes into the folder DIR what the page looks like in each scene, on
a phone and on a wide screen, in both colour schemes, to be looked at.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import rich.console
from rich.text import Text

from tests.end_to_end.test_real_clients import KINDS, Screen, enter
from tests.support.clients import Client
from tests.support.servers import run_server
from tests.web import browser
from tests.web.scenes import PHONE, WIDE, cast, walk

DATA = Path(__file__).parent / "data"

PAGES = {"page-phone.png": (PHONE, "dark"), "page-wide.png": (WIDE, "light")}
"""The pictures of the page: on which screen, and in which colour scheme."""

SHOWN = "talk"
"""The scene that these show."""


def record() -> Text:
    """Return what stands on plink's screen, with its colours."""
    with run_server() as (server, _), Client(server, "bo") as bo, Client(server, "cy") as cy:
        bo.type("anybody up for lunch?")
        bo.sync()
        with Screen(KINDS["plink -telnet"], server) as screen:
            enter(screen, "al")
            screen.type("hello, everybody")
            bo.expect("al: hello, everybody")
            cy.type("hi al!")
            screen.expect("cy: hi al!")
            for key in "lunch sounds goox\x7fd, wh":
                screen.press(key)
            screen.expect_rows("lobby> lunch sounds good, wh")
            bo.type("/me gets his coat")
            screen.expect_rows("* bo gets his coat", "lobby> lunch sounds good, wh")
            return screen.picture()


def draw(session: Text) -> str:
    """Return an SVG of `session` that fetches nothing from anywhere."""
    console = rich.console.Console(
        record=True, width=84, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(session)
    svg = console.export_svg(title="plink -telnet -P 8000 192.168.1.7", unique_id="session")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def scenes(screen: browser.Screen, scheme: str) -> Iterator[tuple[str, bytes]]:
    """Yield each scene of the page and its PNG."""
    with browser.open_browser() as driver, cast() as actors:
        page = browser.Page(driver, actors.wire.port, screen, scheme)
        for scene in walk(page, actors, screen):
            yield scene, page.picture()
        page.close_tab()


def draw_all(folder: Path) -> None:
    """Write the pictures of all scenes into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for screen in (PHONE, WIDE):
        for scheme in ("light", "dark"):
            for scene, picture in scenes(screen, scheme):
                (folder / f"{scene}-{screen.name}-{scheme}.png").write_bytes(picture)


def main() -> None:
    """Draw the README's pictures, or all scenes into the folder that is given."""
    if sys.argv[1:]:
        draw_all(Path(sys.argv[1]))
        return
    (DATA / "session.svg").write_text(draw(record()), encoding="utf-8")
    for name, (screen, scheme) in PAGES.items():
        shown = next(picture for scene, picture in scenes(screen, scheme) if scene == SHOWN)
        (DATA / name).write_bytes(shown)


if __name__ == "__main__":
    main()
