"""What people do at random: each function here is one thing that somebody does."""

import time
from collections.abc import Callable

from tests.soak.judge import STARS
from tests.soak.participant import PICTURE, Kind, Participant
from tests.soak.world import World
from threadchat.storage.history import MAX_REMEMBERED

Action = Callable[[World, Participant], None]

_WORDS = "hi there lunch? yes no Straße naïve 漢字 ok e=mc2 (really) *sigh* --> <-- === :-)".split()
_WORDS.append(PICTURE)
_ROOMS = "red green blue".split()
_RARE_ROOMS = [f"rare{letter}" for letter in "abdeghkpst"]
_GUESTS, _GUEST_LINES = 20, 10
_WAYS = ["quit", "quit with words", "half close", "close", "reset"]

_ACTIONS: list[Action] = []
_WEIGHTS: list[float] = []


def _action(weight: float) -> Callable[[Action], Action]:
    """Register what somebody does, `weight` times as often as what has a weight of 1."""

    def register(action: Action) -> Action:
        _ACTIONS.append(action)
        _WEIGHTS.append(weight)
        return action

    return register


def act(world: World) -> None:
    """Let somebody do something, or come, if they are too few.

    The choice depends on nothing but the seed and how often there has been one before.
    """
    world.random.seed(f"{world.seed} {world.acts}")
    world.acts += 1
    if world.random.random() < 0.3 and len(world.people) < world.size:
        come(world)
    (action,) = world.random.choices(_ACTIONS, _WEIGHTS)
    choice = world.random.random()
    active = world.active()
    if active:
        action(world, active[int(choice * len(active))])
        world.done[action.__name__.replace("_", " ").strip()] += 1


def come(world: World) -> None:
    """Let somebody come, under a name of their own or one that many want."""
    (kind,) = world.random.choices(list(Kind), [5, 3, 2])
    wants_star = world.random.random() < 0.2
    one = world.connect(kind, _star(world) if wants_star else "")
    if wants_star:
        one.is_stargazer = True
        one.may_end |= {"kicked by ", "banned by "}  # meant for an earlier owner of the name
    one.is_choppy = world.random.random() < 0.1
    if kind is Kind.KEYS:
        one.outgoing += b"\xff\xfd\x01\xff\xfd\x03"  # DO ECHO, DO SGA
    one.type(one.name)
    world.done["come"] += 1


def fill(world: World) -> None:
    """Let guests say so much in every room that the server remembers no more, and go again.

    It is the like of what others say later, and of as many who are gone: what they leave behind
    lies as scattered in memory, so that from then on nothing has a reason to grow.
    """
    world.random.seed(world.seed)
    for room in ("lobby", *_ROOMS, *_RARE_ROOMS):
        for _ in range(MAX_REMEMBERED // (_GUESTS * _GUEST_LINES)):
            for _ in range(_GUESTS):
                one = world.connect(Kind.PLAIN)
                one.type(one.name)
                if room != "lobby":
                    one.type(f"/join {room}")
                for number in range(_GUEST_LINES):
                    one.say(_words(world, 12 if number % 10 else 80))
                one.leave("quit")
            world.wait_until_gone()
    world.rest(leave, settles=False)


def leave(world: World, one: Participant) -> None:
    """Go, in one of the ways there are."""
    ways = [*_WAYS, "press Ctrl-D"] if one.kind is Kind.KEYS else _WAYS
    way = one.random.choice(ways)
    one.leave(way)
    world.done[way] += 1


def _star(world: World) -> str:
    return STARS + world.random.choice("abdeg")


def _words(world: World, most: int = 12) -> str:
    return " ".join(world.random.choices(_WORDS, k=world.random.randint(1, most)))


@_action(50)
def say(world: World, one: Participant) -> None:
    one.say(_words(world))


@_action(5)
def say_much(world: World, one: Participant) -> None:
    one.say(_words(world, 80))


@_action(3)
def say_with_a_slash(world: World, one: Participant) -> None:
    one.say(_words(world), "//")


@_action(4)
def _me(world: World, one: Participant) -> None:
    one.say(_words(world), "/me ")


@_action(0.2)
def flood(world: World, one: Participant) -> None:
    words = _words(world, 40)
    for _ in range(20 if world.is_guarded else world.random.randint(50, 200)):
        one.say(words)


@_action(3)
def whisper(world: World, one: Participant) -> None:
    other = world.random.choice(world.active())
    one.type(f"/msg {other.name} {_words(world)}")
    if world.random.random() < 0.3:
        one.type("/reply and you?")


@_action(2)
def change_name(world: World, one: Participant) -> None:
    one.type(f"/nick {_star(world) if one.is_stargazer else world.new_name()}")


@_action(4)
def go_to_a_room(world: World, one: Participant) -> None:
    if not one.is_stargazer:
        rooms = _RARE_ROOMS if world.random.random() < 0.2 else _ROOMS
        one.type(f"/join {world.random.choice(rooms)}")


@_action(3)
def go_to_the_lobby(world: World, one: Participant) -> None:
    if not one.is_stargazer:
        one.type("/leave")


@_action(5)
def look(world: World, one: Participant) -> None:
    command = world.random.choice(
        ["who", "who red", "rooms", "last", "last 200", "search lunch", "help", "motd", "nonsense",
         "topic", "charset utf-8", f"whois {one.name}", "mute", "stats"]
    )  # fmt: skip
    one.type(f"/{command}")


@_action(3)
def tell_of_oneself(world: World, one: Participant) -> None:
    one.type(world.random.choice(["/away", "/away back soon", f"/topic {_words(world)}"]))


@_action(1)
def wish(world: World, one: Participant) -> None:
    what = world.random.choice(["time", "color", "bell"])
    one.type(f"/{what} {world.random.choice(['on', 'off'])}")


@_action(0.3)
def ignore(world: World, one: Participant) -> None:
    other = world.random.choice(world.active())
    # The next person with a name that many want is taken for the one before: all have one address.
    if not any(it.name.startswith(STARS) for it in (one, other)):
        one.ignored.add(other.serial)
        one.type(f"/ignore {other.name}")


@_action(0.5)
def mumble(world: World, one: Participant) -> None:
    one.type(world.random.choice(["", "   ", f"/{'y' * 300}", f"/y {'x' * 5000}"]))


@_action(1)
def hear_nothing_for_a_while(world: World, one: Participant) -> None:
    one.deaf_until = time.monotonic() + 2 * world.random.random()


@_action(0.1)
def get_stuck(world: World, one: Participant) -> None:
    one.is_stuck = True
    # The latter if the system's own buffers held all there was, and gave up.
    one.may_end.update(("too slow", "timed out"))


@_action(0.3)
def protect_a_name(world: World, one: Participant) -> None:
    if world.is_guarded and not one.is_stargazer:
        for line in ("/protect", "a good secret", "a good secret"):
            one.type(line)


_action(2)(leave)


@_action(0.5)
def intrude(world: World, one: Participant) -> None:
    intruder = world.connect(Kind.PLAIN)
    data, reason = world.random.choice(
        [
            (b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n", "not a chat client"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "not a chat client"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "not a chat client"),
            (b"-\n" * 5, "gave no name"),
            (b"who\nhelp\nquit\n", "quit"),
        ]
    )
    intruder.intrude(data, reason)


def _hunt(world: World, one: Participant, command: str, reason: str) -> None:
    assert world.operator is not None
    one.may_end.add(reason)
    world.operator.type(f"/{command}")


@_action(0.2)
def kick(world: World, one: Participant) -> None:
    _hunt(world, one, f"kick {one.name} for (no) reason", "kicked by ")


@_action(0.2)
def ban(world: World, one: Participant) -> None:
    _hunt(world, one, f"ban {one.name} 1s", "banned by ")


@_action(0.3)
def mute(world: World, one: Participant) -> None:
    assert world.operator is not None
    world.operator.type(f"/mute {one.name} 1s")


@_action(0.3)
def announce(world: World, one: Participant) -> None:
    assert world.operator is not None
    world.operator.type(f"/{world.random.choice(['say all is well', 'bans', 'stats', 'motd hi'])}")
