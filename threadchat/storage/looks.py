"""Find a name by what it looks like."""

from threadchat.text.names import fold_name, skeleton


class Looks:
    """Names by their look. Changed by one thread at a time; may be read by any other meanwhile."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}  # by their skeleton; replaced as a whole

    def add(self, name: str) -> None:
        """Add `name`, which is not there yet."""
        looks = skeleton(name)
        self._names[looks] = (*self._names.get(looks, ()), name)

    def drop(self, name: str) -> None:
        """Take out `name`, which is there."""
        looks = skeleton(name)
        alike = tuple(other for other in self._names[looks] if other != name)
        if alike:
            self._names[looks] = alike
        else:
            del self._names[looks]

    def like(self, name: str) -> str | None:
        """Return another name that looks like `name`, or None."""
        alike = self._names.get(skeleton(name))
        if alike is None:
            return None
        return next((other for other in alike if fold_name(other) != fold_name(name)), None)
