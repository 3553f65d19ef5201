"""Know which names the people of one node have or have asked for, and decide alone if it must be.

While there is a link, the broker decides, and the log tells. While there is none, a person gets a
name that is free as far as is known; once there is a link again, somebody else may turn out to have
it.
"""

from threadchat.link.roster import Roster
from threadchat.link.wire import Claim, Sync


class OwnPeople:
    """The names of a node's people, and the claims that are not decided yet."""

    def __init__(self, node: str, roster: Roster) -> None:
        self._node = node
        self._roster = roster
        self._had: dict[str, Claim] = {}  # by fold
        self._undecided: dict[tuple[str, str], Claim] = {}  # by fold and person

    def claim_of(self, fold: str, person: str) -> Claim | None:
        """Return the claim by which that person has the name; None if they have not."""
        claim = self._had.get(fold)
        return claim if claim is not None and claim.person == person else None

    def ask(self, claim: Claim) -> None:
        """Take note of a claim that others decide."""
        self._undecided[claim.fold, claim.person] = claim

    def is_undecided(self, claim: Claim) -> bool:
        """Return whether that very claim is not decided yet."""
        return self._undecided.get((claim.fold, claim.person)) is claim

    def asked(self, claim: Claim) -> Claim | None:
        """Return the same claim as it was asked; None if it is decided already."""
        return self._undecided.get((claim.fold, claim.person))

    def decide(self, claim: Claim, is_theirs: bool) -> None:
        """Take note of what became of a claim."""
        if self.is_undecided(claim):
            del self._undecided[claim.fold, claim.person]
        if is_theirs:
            self._had[claim.fold] = claim

    def change(self, claim: Claim) -> None:
        """Let something else be known of a person that has a name."""
        self._had[claim.fold] = claim

    def drop(self, fold: str) -> None:
        """Forget that somebody has the name."""
        del self._had[fold]

    def may_have(self, claim: Claim) -> bool:
        """Return whether the name is free, as far as is known here."""
        others = [it for it in self._had.values() if it.person != claim.person]
        return self._roster.is_free_elsewhere(claim.fold, claim.look, self._node) and not any(
            it.fold == claim.fold or it.look == claim.look for it in others
        )

    def sync(self) -> Sync:
        """Return the step that tells all names of this node.

        What is claimed and not decided is among them, so that it is not taken away again.
        """
        return Sync((*self._had.values(), *self._undecided.values()))
