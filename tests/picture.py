"""Record a session of a real client and draw it: `python -m tests.picture`.

Writes data/session.svg, which the README shows: plink, PuTTY's client for the command line, in a
room where somebody talks while its user is in the middle of a line.
"""

import io
import re
from pathlib import Path

import rich.console
from rich.text import Text

from tests.end_to_end.test_real_clients import KINDS, Screen, enter
from tests.support.clients import Client
from tests.support.servers import run_server

PICTURE = Path(__file__).parent / "data" / "session.svg"


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


if __name__ == "__main__":
    PICTURE.write_text(draw(record()), encoding="utf-8")
