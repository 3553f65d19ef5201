"""Show on a terminal how far something has come."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from threadchat.console.richconsole import RichConsole


@contextlib.contextmanager
def bar(words: str, *, is_shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal, until the block ends.

    The block is given a function for how much is done, and how much there is in all.
    """
    from rich.progress import Progress  # takes a while, and a server needs none

    with Progress(
        console=RichConsole(sys.stderr, is_interactive=True),
        transient=True,
        # By default, rich would redirect what is written to standard output.
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not is_shown or sys.stderr is None or not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
