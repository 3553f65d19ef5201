"""Know the people on other servers that are linked with this one, and in which rooms they are."""

from collections import Counter
from collections.abc import Sequence
from threading import Lock

from threadchat.chat.farperson import Elsewhere, Facts, FarPerson
from threadchat.chat.names import Names
from threadchat.text.names import fold_name


class FarPeople:
    """The people on other servers. Any thread may read; one thread at a time changes it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._lock = Lock()  # guards the next four
        self._people: dict[tuple[str, str], FarPerson] = {}  # by node and key
        # The names of each as they are shown, by the folded ones: two in a rename.
        self._names_of: dict[FarPerson, dict[str, str]] = {}
        self._called: dict[tuple[str, str], FarPerson] = {}  # by node and name
        # By the folded name of the room: its name, and those that are in it, in the order in which
        # they came.
        self._in_rooms: dict[str, tuple[str, dict[FarPerson, None]]] = {}

    def know(
        self, node: str, key: str, fold: str, look: str, facts: Facts, elsewhere: Elsewhere
    ) -> None:
        """Know `facts` of the person on `node` for whom `key` stands, from now on.

        `fold` and `look` are what `fold_name` and `skeleton` make of the name.
        """
        person = self.find(node, key)
        before = "" if person is None else person.facts.room
        if person is None:
            person = FarPerson(node, key, facts, elsewhere)
        self._names.know_far(person, fold, look, facts)
        with self._lock:
            self._people[node, key] = person
            names = self._names_of.setdefault(person, {})
            self._called.pop((node, names.get(fold, "")), None)
            names[fold] = facts.name
            self._called[node, facts.name] = person
            if before != facts.room:
                self._leave(person, before)
                if facts.room:
                    name = facts.room
                    self._in_rooms.setdefault(fold_name(name), (name, {}))[1][person] = None

    def forget(self, node: str, key: str, fold: str, look: str) -> None:
        """Know that the person has the name `fold` no more.

        If it is the last one that they have, they are gone.
        """
        person = self.find(node, key)
        if person is None:
            return
        with self._lock:
            name = self._names_of[person].pop(fold, "")
            if self._called.get((node, name)) is person:
                del self._called[node, name]
            is_gone = not self._names_of[person]
            if is_gone:
                del self._people[node, key], self._names_of[person]
                self._leave(person, person.facts.room)
        self._names.forget_far(person, fold, look, is_gone=is_gone)

    def _leave(self, person: FarPerson, room: str) -> None:
        fold = fold_name(room)
        if fold in self._in_rooms:
            self._in_rooms[fold][1].pop(person, None)
            if not self._in_rooms[fold][1]:
                del self._in_rooms[fold]

    def find(self, node: str, key: str) -> FarPerson | None:
        """Return the person on `node` for whom `key` stands; None if there is none."""
        with self._lock:
            return self._people.get((node, key))

    def called(self, node: str, name: str) -> FarPerson | None:
        """Return the person on `node` that has `name`; None if there is none."""
        with self._lock:
            return self._called.get((node, name))

    def everybody(self) -> list[FarPerson]:
        """Return all of them, also those that are in no room."""
        with self._lock:
            return list(self._people.values())

    def count_in(self, room: str) -> int:
        """Return how many of them are in the room of that name."""
        with self._lock:
            here = self._in_rooms.get(fold_name(room))
            return 0 if here is None else len(here[1])

    def count_by_node(self) -> Counter[str]:
        """Return how many people are in rooms on each node."""
        return Counter(it.node for it in self.in_rooms())

    def in_room(self, room: str) -> Sequence[FarPerson]:
        """Return those that are in the room of that name, in the order in which they came."""
        with self._lock:
            here = self._in_rooms.get(fold_name(room))
            return () if here is None else tuple(here[1])

    def rooms(self) -> dict[str, str]:
        """Return the names of the rooms in which somebody is, by the folded names."""
        with self._lock:
            return {fold: name for fold, (name, _) in self._in_rooms.items()}

    def in_rooms(self) -> list[FarPerson]:
        """Return those that are in rooms, room by room."""
        with self._lock:
            return [it for _, people in self._in_rooms.values() for it in people]
