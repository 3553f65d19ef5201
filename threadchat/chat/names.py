"""Know which person has which name: claim names, keep them, and find people by them.

One person at a time has a name, and nobody gets a name that could be mistaken for one in use.
"""

import math

from threadchat.access.bans import key_of
from threadchat.chat.farperson import Elsewhere, FarPerson
from threadchat.chat.identity import NOBODY, Identity
from threadchat.chat.keptnames import MIN_SECONDS_IN_USE
from threadchat.chat.knownnames import KnownNames
from threadchat.chat.person import Person
from threadchat.chat.takennames import why_taken
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.net.peers import PeerState
from threadchat.storage.records import Protected
from threadchat.text.names import BadName, clean_name, fold_name, name_of_charge, skeleton

MAKE_WAY_SECONDS = 5.0
"""How many seconds a person that gave the passphrase of a name waits for it to be free."""

GONE_SECONDS = 20.0
"""After so many seconds the names of people on another server that is gone are free."""


class NameProtected(BadName):
    """The name is protected: its passphrase is needed first. `protected` is the record of it."""

    def __init__(self, protected: Protected) -> None:
        super().__init__(f"{protected.name} is protected: its passphrase is needed.")
        self.protected = protected


class NameBanned(BadName):
    """The name, or the person's address, is banned. The text ends with an operator's own words."""


class Names(KnownNames):
    """The names of one chat. Safe to use from any thread.

    `claim` and `keep` are called on the thread of the person they are about.
    """

    def claim(self, person: Person, raw: str, *, proven: Protected | None = None) -> None:
        """Give `person` the name that `raw` asks for.

        Raise `NameProtected` if the name's passphrase is needed first. A person that has given it
        passes the error's `protected` as `proven` the next time. Raise `BadName` if the person
        cannot have the name at all. After an error nothing has changed.

        If somebody proves that the name is theirs, an earlier connection with that name is ended.
        So they need not wait until the server finds that connection dead. For anybody else at the
        same address it is ended if the system knows that its other end is dead.
        """
        name = clean_name(raw)
        self._check_charge(name)
        self._check_claim(person, name, proven)
        fold = fold_name(name)
        peer = self._make_way(person, fold, is_proven=proven is not None)
        if self.elsewhere is None:
            self._take(person, name, proven, peer)
            return
        if fold == person.folded_name:
            self._take(person, name, proven, peer)
        else:
            self._take_everywhere(self.elsewhere, person, name, proven, peer)
        self.elsewhere.changed(person)

    def _take_everywhere(
        self,
        elsewhere: Elsewhere,
        person: Person,
        name: str,
        proven: Protected | None,
        peer: PeerState | None,
    ) -> None:
        """Give `person` the name if they may have it on all servers."""
        self._check(person, name, proven, peer)  # it tells more than the other servers do
        if not elsewhere.claim(person, name):
            self._check(person, name, proven, peer)  # by now it is known who has it
            raise BadName(f"{name} was taken just now, on another server.")
        try:
            self._take(person, name, proven, peer)
        except BadName:
            elsewhere.release(person, name)
            raise

    def _check(
        self, person: Person, name: str, proven: Protected | None, peer: PeerState | None
    ) -> None:
        with self._lock:
            known = self._left.find(fold_name(name), person.host, self._clock())
            self._check_free(person, name, known, proven, peer)

    def _take(
        self, person: Person, name: str, proven: Protected | None, peer: PeerState | None
    ) -> None:
        """Give `person` the name if nothing speaks against that."""
        fold, looks, host = fold_name(name), skeleton(name), person.host
        with self._lock:
            now, at = self._clock(), self._records.now()
            known = self._left.find(fold, host, now)
            self._check_free(person, name, known, proven, peer)
            # Again: an operator that has set a ban meanwhile ended those that were here by then.
            self._check_no_ban(name, host)
            self._by_fold[fold] = self._by_skeleton[looks] = person
            is_first = person.identity is NOBODY
            if is_first:
                person.came_at = at
                person.joined_at = person.last_heard_at = now  # before supervision sees a name
            if proven is not None:
                self._bind(person, proven)
            elif is_first:
                person.identity = Identity() if known is NOBODY else known
            identity = person.identity
            if fold != person.folded_name:
                person.named_at = now
                identity.begin(name, fold, at)
            identity.name = name
            person.name, person.folded_name = name, fold
            person.ignores = identity.hidden()
            muted_until = self.restrictions.muted_until(name, host, identity)
            person.muted_until = max(person.muted_until, muted_until)

    def _check_free(
        self,
        person: Person,
        name: str,
        known: Identity,
        proven: Protected | None,
        peer: PeerState | None,
    ) -> None:
        """Raise `BadName` if the name is somebody else's, or would bring `person` harm.

        `known` is the person that had it at the same address until a while ago, `peer` the other
        end of the connection of the person that has it.
        """
        fold, now = fold_name(name), self._clock()
        holder = self._by_fold.get(fold, person)
        if holder is not person:
            raise BadName(why_taken(name, holder, peer, person, self._records.now()))
        kept = self._kept.find(name, now) if proven is None else None
        if kept is not None and kept.identity.current not in (person.identity, known):
            left = math.ceil(kept.until - now)
            like = "" if fold_name(kept.name) == fold else f"looks like {kept.name}, which "
            raise BadName(f"{name} {like}is kept for {left} s for somebody whose connection broke.")
        other = self._by_skeleton.get(skeleton(name), person)
        if other is not person:
            raise BadName(f"{name} looks too much like {other.name}, who is here already.")
        self._check_not_banned(known if person.identity is NOBODY else person.identity)
        if proven is not None:
            self._check_not_banned(self._owner(proven))
        elif person.name and person.muted_until <= now:
            self._check_not_muted(name, person)

    def _bind(self, person: Person, protected: Protected) -> None:
        """Let `person`, who has proven a protected name, be its owner."""
        fold, before = fold_name(protected.name), person.identity
        if before is NOBODY:
            after = self._owner(protected)
            person.identity = after
        else:
            after = self._identities.bind(fold, protected.since, before)
            self._restore(after, fold)
        stored = map(self._records.protected, self._records.ignored_by(fold))
        after.ignored |= {self._owner(it) for it in stored if it is not None}
        self._note_merged(after)

    def protected(self, person: Person) -> None:
        """Let `person`, who has just protected their name, be its owner."""
        with self._lock:
            if (protected := self._records.protected(person.name)) is not None:
                self._bind(person, protected)

    def unprotected(self, name: str) -> None:
        """Forget the owner of a name that is protected no longer."""
        with self._lock:
            self._identities.unbind(fold_name(name), self._records.now())

    def _make_way(self, person: Person, fold: str, *, is_proven: bool) -> PeerState | None:
        """End the connection of another person with that name if `person` is to have it.

        Then wait until the name is free, for `MAKE_WAY_SECONDS` at most. Return what is known of
        the other end of that connection, if there is one.
        """
        with self._lock:
            holder = self._by_fold.get(fold, person)
        if holder is person:
            return None
        if isinstance(holder, FarPerson) and self.elsewhere is not None:
            if is_proven or (holder.host == person.host and not holder.is_hook):
                self._make_way_elsewhere(self.elsewhere, holder, person, is_proven=is_proven)
            return None
        connection = holder.connection  # read once: the holder's thread may set it to None
        if connection is None:
            return None
        peer = connection.look_at_peer()
        is_ghost = peer is not None and peer.is_dead and holder.host == person.host
        if is_proven or is_ghost:
            words = f"{holder.name} has come in again, from {person.host}. Goodbye."
            connection.end(Reason.REPLACED, words)
            self._await_freed(holder, fold)
        return peer

    def _make_way_elsewhere(
        self, elsewhere: Elsewhere, holder: FarPerson, person: Person, *, is_proven: bool
    ) -> None:
        fold = holder.folded_name
        answer = elsewhere.make_way(holder, person, is_proven=is_proven)
        if answer:
            self._await_freed(holder, fold)
        elif answer is None and not elsewhere.is_out_of_reach:
            person.tell(
                Notice(
                    f"The server where {holder.name} is does not answer. One moment, please: if it"
                    f" is gone, the name is free within {GONE_SECONDS:.0f} s."
                )
            )
            self._await_freed(holder, fold, GONE_SECONDS)

    def _await_freed(self, holder: Person, fold: str, seconds: float = MAKE_WAY_SECONDS) -> None:
        with self._lock:
            self._freed.wait_for(
                lambda: self._by_fold.get(fold) is not holder or self._is_hushed, seconds
            )

    def hush(self) -> None:
        """Let nobody wait for a name any more, as the server stops."""
        with self._lock:
            self._is_hushed = True
            self._freed.notify_all()
        if self.elsewhere is not None:
            self.elsewhere.hush()

    def _check_charge(self, name: str) -> None:
        """Raise `BadName` if people would take `name` for whoever runs the server (promise 4).

        Somebody that has protected such a name, under a version that allowed it, keeps it.
        """
        like = name_of_charge(name)
        if like is not None and self._records.protected(name) is None:
            raise BadName(f"{name} reads like {like}, and nobody can be called that here.")

    def _check_claim(self, person: Person, name: str, proven: Protected | None) -> None:
        """Raise `BadName` or `NameProtected` if the records have something against the claim."""
        records = self._records
        self._check_no_ban(name, person.host)
        if person.name and fold_name(name) == person.folded_name:
            return
        if (protected := records.protected(name)) is not None:
            if protected != proven:
                raise NameProtected(protected)
        elif other := records.lookalike(name):
            raise BadName(f"{name} looks too much like {other}, which is protected.")

    def _check_no_ban(self, name: str, host: str) -> None:
        if ban := self._records.ban_of(name, host):
            raise NameBanned(f"That is banned here: {ban.line(self._records.now())}")

    def release(self, person: Person, name: str, keep: str = "") -> None:
        """Make `name` free again. What it has in common with the name `keep` stays taken."""
        if self.elsewhere is not None and fold_name(name) != fold_name(keep):
            # Before it is free here: else somebody here that asks for it comes too early there.
            self.elsewhere.release(person, name)
        with self._lock:
            for table, key_of in ((self._by_fold, fold_name), (self._by_skeleton, skeleton)):
                key = key_of(name)
                if table.get(key) is person and not (keep and key_of(keep) == key):
                    del table[key]
            if fold_name(name) != fold_name(keep):
                person.identity.end(fold_name(name), self._records.now())
            self._freed.notify_all()

    def keep(self, person: Person) -> None:
        """Keep the name of a person whose connection broke, so that they can come back to it.

        It is kept for the same person, and for anybody that asks for it from the same address; see
        `KeptNames` for how long. A name that the person had only for a moment is not kept.
        """
        now = self._clock()
        seconds = now - person.named_at
        if seconds >= MIN_SECONDS_IN_USE:
            with self._lock:
                self._kept.keep(person.name, person.identity, person.counted_as, now, seconds)
            if self.elsewhere is not None:
                self.elsewhere.changed(person, lost_after=seconds)

    def seat(self, person: Person, name: str, since: float | None = None) -> None:
        """Enter somebody that is no client under `name`, whatever speaks against that.

        They have had it `since` then, in seconds since the epoch, or from now on.
        """
        fold = fold_name(name)
        with self._lock:
            person.name, person.folded_name = name, fold
            person.identity = Identity()
            person.identity.begin(name, fold, self._records.now() if since is None else since)
            self._by_fold[fold] = self._by_skeleton[skeleton(name)] = person
        if self.elsewhere is not None:
            self.elsewhere.seat(person)

    # Ignoring

    def ignore(self, person: Person, ignored: frozenset[Identity]) -> None:
        """Have `person`, and nobody else, be shown nothing of those from now on."""
        with self._lock:
            identity = person.identity
            identity.ignored = ignored
            for other in self._by_fold.values():  # they may be here more than once
                if other.identity is identity:
                    other.ignores = identity.hidden()

    # Muting and banning

    def _check_not_muted(self, name: str, person: Person) -> None:
        if self.restrictions.muted_until(name, person.host, person.identity) > self._clock():
            raise BadName(f"{name} is muted, and would mute you, too.")

    def _check_not_banned(self, identity: Identity) -> None:
        keys = self.restrictions.bans_of(identity)
        for ban in self._records.bans() if keys else ():
            if key_of(ban.target) in keys:
                raise NameBanned(f"That is banned here: {ban.line(self._records.now())}")
