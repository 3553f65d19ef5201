"""What the tests of this folder share: a send queue that sends nothing."""


class Sent:
    """A send queue that keeps what is sent."""

    def __init__(self) -> None:
        self.data = b""
        self.reason: str | None = None
        self.is_behind = False
        self.position = 0
        self.bytes_acknowledged = 0

    def send(self, data: bytes) -> None:
        self.data += data
        self.position += len(data)

    def update(self, data: bytes, frame: object) -> None:
        self.data += data

    def end(self, reason: str, data: bytes) -> None:
        self.reason = reason
        self.data += data
