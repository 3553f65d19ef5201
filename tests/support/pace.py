"""A pace of which a test says whether much is said."""

from threadchat.storage.pace import Pace


class BusyPace(Pace):
    """Says that much is said, as long as `is_busy` is set."""

    def __init__(self, is_busy: bool = True) -> None:
        super().__init__()
        self.is_busy = is_busy

    @property
    def is_much(self) -> bool:
        """What the test says."""
        return self.is_busy
