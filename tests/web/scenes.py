"""The scenes of the page that are looked at: by eyes, in pictures, and by checks of accessibility.

`walk` leads a page through all of them, on a screen of one size and in one colour scheme.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selenium.webdriver.common.keys import Keys

from tests.support.clients import Client
from tests.support.servers import run_server
from tests.web.browser import Page, Screen, Wire
from threadchat import ChatServer
from threadchat.messages.kinds import Emote, Say, Spoken
from threadchat.storage.history import History

PHONE = Screen("phone", 360, 660, scale=2, is_touched=True)
SMALLEST = Screen("small", 320, 568, is_touched=True)
WIDE = Screen("wide", 1280, 800)

_MINUTE = 60.0

# How many minutes ago, who, and what.
_EARLIER: Sequence[tuple[int, str, str]] = (
    (1502, "Omar", "The room for Thursday is booked."),
    (1500, "mira", "Perfect, thank you!"),
    (52, "mira", "Morning! Is the printer on floor 2 back?"),
    (51, "mira", "I sent the plans to it at nine, and nothing came out so far."),
    (48, "kai", "Since ten minutes ago: see http://printer.lan/status (it was out of paper)"),
    (47, "jonas", "/me carries two boxes of paper upstairs"),
    (46, "Omar", "You are a hero, jonas"),
    (21, "kai", "Lunch at half past twelve? The place with the soup, as it rains."),
)

_NOW = (
    ("mira", "I'm in. al, are you coming, too?"),
    ("al", "Yes! Give me five minutes, I have to save this first."),
    ("jonas", "Keep me a seat"),
    ("kai", "/me looks for umbrellas"),
    ("Omar", "There are two at the door, left of the plant"),
)

_LETTERS = (
    ("Omar", "مرحبا بالجميع، هل الاجتماع في الساعة 3؟"),
    ("mira", "שלום! הקובץ report-v2.pdf מוכן"),
    ("jonas", "今日はケーキがありますか？楽しみです。"),
    ("kai", "회의는 3시에 시작합니다. 会议三点开始。"),
    ("mira", "Ça marche, à tout à l'heure 👍🏽 🎉"),
    ("kai", "https://wiki.lan/a/very/long/address/that/has/no/blank/in/it/and/goes/on/and/on/and/on?x=1"),
)  # fmt: skip


@dataclass(frozen=True)
class Cast:
    """A server with people in it, and the wire by which a page reaches that server."""

    server: ChatServer
    wire: Wire
    people: dict[str, Client]

    def say(self, name: str, line: str) -> None:
        """Have `name` type `line`, and wait until it was served."""
        self.people[name].type(line)
        self.people[name].sync()


def _earlier() -> History:
    history, now = History(), time.time()
    said: list[Spoken] = []
    for minutes, name, text in _EARLIER:
        kind = Emote if text.startswith("/me ") else Say
        said.append(kind(name, text.removeprefix("/me "), now - minutes * _MINUTE))
    history.append("lobby", said)
    return history


@contextlib.contextmanager
def cast() -> Iterator[Cast]:
    """Run a server with a conversation that went on for a while, and four people in it."""
    with contextlib.ExitStack() as stack:
        server, _ = stack.enter_context(
            run_server(web_address=("127.0.0.1", 0), history=_earlier())
        )
        assert server.web_listener is not None
        wire = Wire(server.web_listener.server_address[1])
        stack.callback(wire.close)
        people = {
            name: stack.enter_context(Client(server, name))
            for name in ("mira", "kai", "jonas", "Omar", "lee")
        }
        it = Cast(server, wire, people)
        it.say("mira", "/topic Plans for the summer party, and where the cake is")
        it.say("lee", "/join games")
        it.say("lee", "/topic Chess on Fridays")
        yield it


def talk(page: Page, cast: Cast) -> None:
    """Have everybody talk in the lobby."""
    for name, text in _NOW:
        if name == "al":
            page.say(text)
            page.wait_for(text)
        else:
            cast.say(name, text)
    cast.say("jonas", "/away on the phone")
    page.wait_for(_NOW[-1][1])
    page.wait("document.querySelector('#people-list').textContent.includes('on the phone')")


def walk(page: Page, cast: Cast, screen: Screen) -> Iterator[str]:
    """Lead `page` through the scenes; yield the name of each while it can be seen."""
    page.wait("document.querySelector('#join-greeting').textContent.startsWith('Hello')")
    yield "join"
    page.type("mira", Keys.ENTER)
    page.wait("document.querySelector('#join-name-error').textContent")
    yield "join-error"
    page.join("al")
    talk(page, cast)
    yield "talk"
    if screen.is_narrow:
        for side in ("rooms", "people"):
            page.click(f"#open-{side}")
            page.wait(f"document.activeElement.closest('#{side}-side.open')")
            yield side
            page.type(Keys.ESCAPE)
    yield from _dialogs(page)
    cast.say("kai", "/msg al The cake is a surprise for mira, so not a word to her!")
    page.wait("document.querySelector('#private-list .badge')")
    yield "private-unread"
    page.run("document.querySelector('#private-list button').click()")
    page.say("My lips are sealed.", "Chocolate?")
    page.wait_for("Chocolate?")
    cast.say("kai", "/msg al With cherries. I fetch it at three, and you keep her busy.")
    page.wait_for("With cherries. I fetch it at three, and you keep her busy.")
    yield "private"
    page.run("document.querySelector('#room-list button').click()")
    for name, text in _LETTERS:
        cast.say(name, text)
    page.wait_for(_LETTERS[-1][1])
    yield "letters"
    yield from _long(page, cast)
    cast.wire.close()
    page.wait("!document.querySelector('#banner').hidden")
    page.say("Nobody will miss this line.")
    page.run("document.querySelector('.log:not([hidden])').scrollTop = 1e6")
    yield "lost"


def _dialogs(page: Page) -> Iterator[str]:
    page.run("document.querySelector('#line').focus()")
    page.type("/")
    page.wait("document.querySelector('[role=option]')")
    page.type(Keys.ARROW_DOWN)
    yield "commands"
    page.type(Keys.ESCAPE, Keys.BACKSPACE)
    for name, selector in (
        ("person", "[data-key=mira] button"),
        ("settings", "#me"),
        ("topic", "#topic"),
        ("code", "#invite"),
        ("search", "#open-search"),
    ):
        page.run("document.querySelector(arguments[0]).click()", selector)
        page.wait("document.querySelector('dialog[open]')")
        if name == "code":
            page.wait("document.querySelector('#code-dialog img').naturalWidth")
        if name == "search":
            page.type("paper", Keys.ENTER)
            page.wait("document.querySelectorAll('#search-found .line').length === 2")
        yield name
        page.type(Keys.ESCAPE)
        page.wait("!document.querySelector('dialog[open]')")
    page.say("/kick mira")
    page.wait("document.querySelector('#status').textContent")
    yield "problem"
    page.run("document.querySelector('#line').focus()")


def _long(page: Page, cast: Cast) -> Iterator[str]:
    for number in range(30):
        cast.say("mira", f"Line {number} of a long list: {'words and more words ' * (number % 5)}")
    page.wait_for(f"Line 29 of a long list: {'words and more words ' * 4}".rstrip())
    page.run("document.querySelector('.log:not([hidden])').scrollTop -= 500")
    page.wait("!document.querySelector('#new-lines').hidden")
    for name in ("kai", "jonas", "Omar"):
        cast.say(name, "Done?")
    page.wait("document.querySelector('#new-lines').textContent === '3 new'")
    yield "long"
