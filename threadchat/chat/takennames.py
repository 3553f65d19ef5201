"""Say of a name that is taken from where and since when, and how to have it back."""

import math

from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Person
from threadchat.net.peers import NOTICED_SECONDS, PeerState
from threadchat.text.phrases import duration, minute


def why_taken(name: str, holder: Person, peer: PeerState | None, person: Person, now: float) -> str:
    """Return from where and since when `holder` has the name that `person` asks for.

    At the same address it may be a connection of their own, so say how to have the name back.
    """
    begins = (it.begin for it in holder.identity.periods if it.fold == holder.folded_name)
    since = max(begins, default=now)
    when = f"since {minute(since)} ({duration(now - since)})"
    if not person.host or holder.host != person.host:
        return f"{name} is taken, from {holder.host or holder.address}, {when}."
    if isinstance(holder, FarPerson):
        return (
            f"{name} is taken, from your own address by another server, {when}. If that connection"
            f" is broken, or that server is gone, try again in a while: within"
            f" {NOTICED_SECONDS:.0f} s the name is yours again. If it still works, leave there."
        )
    left = max(1, math.ceil(NOTICED_SECONDS - (0.0 if peer is None else peer.silent_for)))
    return (
        f"{name} is taken, from your own address, {when}. If that is a connection of yours that"
        f" broke, the server notices within {left} s and keeps the"
        " name for you: try again then. If it still works, leave there."
    )
