"""Ask the speakers of a busy room that wait for what they say next.

How often one is asked depends on whether Python has a global interpreter lock. With it, batches
grow by themselves: whatever has come in was read and posted before the deliverer's thread runs.
Without it, that thread is back at once. It finds few that have said more; the others would be let
go, and each would then make a small batch of its own. (Measured with 20 people that all talk: 2
lines of theirs in a batch, not 19.) So there they are asked again, and gather.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from threadchat.chat.entries import Post
from threadchat.net.threads import threads_take_turns

PATIENCE: Final = 0 if threads_take_turns() else 8
"""How many times in a row a speaker may have said nothing, and is asked again."""

PATIENCE_WITH_ONE: Final = 8
"""A room stays busy for as many batches in which one member speaks alone.

Without that, one such batch was enough: each speaker then delivered its own few lines, those that
listen had no time to answer meanwhile, and it took milliseconds until two were there at once again.
"""


class Waiting:
    """The posts of speakers that wait. For the thread with the room's turn."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        self.asks_again = patience > 0
        """Whether one that has said nothing is asked again: then, nobody is asked at once."""
        self._posts: list[Post] = []
        self._alone = PATIENCE_WITH_ONE + 1  # how many batches in a row one has spoken alone

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, post: Post) -> None:
        """Ask the sender of `post` next time: what it said has been shown."""
        self._posts.append(post)

    def is_busy(self, entries: int) -> bool:
        """Return whether several speak at once, now that a batch has so many entries."""
        self._alone = 0 if entries + len(self._posts) > 1 else self._alone + 1
        return self._alone <= PATIENCE_WITH_ONE

    def ask(self, goes_on: Callable[[Post], bool]) -> Sequence[Post]:
        """Return the posts of those that have said more; let go those that have said nothing.

        `goes_on` asks one of them.
        """
        going_on: list[Post] = []
        silent: list[Post] = []
        for post in self._posts:
            if goes_on(post):
                going_on.append(post)
            elif post.silent <= self._patience and post.error is None:
                silent.append(post)
            else:
                # At once, and not when all are asked: under the GIL its thread runs meanwhile, and
                # the others have the time to say more.
                post.let_go()
        self._posts = silent
        if silent and not going_on:
            time.sleep(0)  # so that other threads and programs run first, if they want to
        return going_on

    def let_go(self) -> None:
        """Let all go on: nobody is going to ask them."""
        while self._posts:
            self._posts.pop().let_go()
