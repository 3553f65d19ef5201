"""Say what a client is told of what it has sent that is no line."""

from threadchat.messages.kinds import Message, Notice, Problem
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.terminal.terminalevents import AreYouThere
from threadchat.text.decoder import EncodingChanged


def answer_to(event: LineTooLong | AreYouThere | EncodingChanged) -> Message:
    """Return the answer to an event that is not a line."""
    match event:
        case AreYouThere():
            return Notice("Yes, threadchat is here.")
        case EncodingChanged("utf-8"):
            return Notice("Your client writes UTF-8 after all. /charset changes that.")
        case EncodingChanged(encoding):
            return Notice(
                f"What you typed is not UTF-8: your charset is {encoding} now."
                " /charset NAME changes it, as in /charset utf-8."
            )
        case LineTooLong(limit):
            return Problem(
                f"A line has at most {limit} characters; yours was not sent. Say it in several."
            )
