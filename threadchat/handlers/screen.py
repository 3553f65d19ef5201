"""Show one person at a terminal what they are asked, and all else as they wish it.

`ClientTerminal` says what of the line being typed has to be on the screen. It is sent through the
client's `SendQueue`, which keeps that line whole when messages come (promise 6).
"""

from threadchat.chat.person import Person
from threadchat.net.sendqueue import Frame, SendQueue
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.view import PLAIN_APPEARANCE


class Screen:
    """What one person at a terminal sees, and their settings for that: see `TerminalSettings`.

    Call `settle` after whatever changes `terminal`. All is for the client's own thread.
    """

    __slots__ = ("_appearance", "_frame", "_person", "_prompt", "_send_queue", "_terminal")

    def __init__(self, person: Person, send_queue: SendQueue, terminal: ClientTerminal) -> None:
        self._person = person
        self._send_queue = send_queue
        self._terminal = terminal
        self._appearance = PLAIN_APPEARANCE
        self._frame: Frame | None = None
        self._prompt = ""

    def write(self, text: str) -> None:
        """Send `text` as it is. It is whole lines, or the start of a line."""
        self._send_queue.send(self._person.format.encode(text))

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, then `question` in front of the line that the person types next."""
        before = self._person.format.encode(lines)
        if before and self._terminal.is_in_character_mode:
            self._send_queue.send(before)  # above what is being typed
            before = b""
        self._terminal.ask(question)
        self.settle(before)

    def keep(self, typed: str) -> None:
        """Leave `typed` on the screen in character mode. In line mode it stands there anyway."""
        if self._terminal.is_in_character_mode:
            self.write(f"{typed}\r\n")

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` in front of what is typed, in character mode."""
        self._prompt = prompt
        self._terminal.set_prompt(prompt)
        if self._terminal.is_in_character_mode:
            self.settle()

    def show_prompt(self) -> None:
        """Put the prompt there again, after another question."""
        self._terminal.set_prompt(self._prompt)
        self.settle()

    def settle(self, before: bytes = b"") -> None:
        """Send `before` and the terminal's own output; tell the send queue the current frame.

        Then take over the view that the client needs by now.
        """
        terminal = self._terminal
        data, frame = terminal.take_output()
        data = before + data
        if data or frame != self._frame:
            self._frame = frame
            self._send_queue.update(data, frame)
        appearance = self._appearance.adapted(terminal.view, terminal.is_in_character_mode)
        if appearance is not self._appearance:
            self._appearance = appearance
            self._show_as_wanted()

    def _show_as_wanted(self) -> None:
        # In character mode the screen shows only what the server sends, so the person is shown
        # their own messages as others are.
        self._person.hears_itself = self._appearance.is_in_character_mode
        self._person.format = self._appearance.view

    # The settings

    def set_charset(self, name: str) -> str:
        """See `ClientTerminal.set_charset`."""
        encoding = self._terminal.set_charset(name)
        self.settle()
        return encoding

    def set_character_mode(self, wanted: bool) -> None:
        """See `ClientTerminal.set_character_mode`."""
        self._terminal.set_character_mode(wanted)
        self.settle()

    def show(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> None:
        """Show colours, show times before lines, ring at mentions, or do not; None: as before."""
        self._appearance = self._appearance.wished(color=color, times=times, bell=bell)
        self._show_as_wanted()
