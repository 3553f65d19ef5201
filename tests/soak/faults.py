"""What befalls linked servers and their broker: each function here is one fault."""

import signal
import time
from collections.abc import Callable
from contextlib import closing

from tests.soak.linkedworld import CLUSTER, LinkedWorld
from tests.support.redisserver import cut_all
from threadchat.link.scripts import Keys

Fault = Callable[[LinkedWorld], None]

FAULTS: list[Fault] = []
_WEIGHTS: list[float] = []


def _fault(weight: float) -> Callable[[Fault], Fault]:
    def register(fault: Fault) -> Fault:
        FAULTS.append(fault)
        _WEIGHTS.append(weight)
        return fault

    return register


def choose(world: LinkedWorld) -> Fault:
    """Return the fault that comes next."""
    return world.random.choices(FAULTS, _WEIGHTS)[0]


def talk_on(world: LinkedWorld, seconds: float, pace: float = 40.0) -> None:
    """Let people talk for a while, `pace` lines a second."""
    begin = now = time.monotonic()
    said = 0
    while (now := time.monotonic()) < begin + seconds:
        while said < pace * (now - begin):
            world.talk()
            said += 1
        world.pump()


@_fault(3)
def broker_dies(world: LinkedWorld) -> None:
    world.broker.kill()
    talk_on(world, world.random.choice([0.0, 1.0, 4.0]))
    world.broker.start()


@_fault(2)
def broker_loses_its_data(world: LinkedWorld) -> None:
    with closing(world.broker.client()) as client:
        client.flushall()


@_fault(1)
def broker_loses_the_log(world: LinkedWorld) -> None:
    with closing(world.broker.client()) as client:
        client.delete(Keys(CLUSTER).log)


@_fault(2)
def connections_are_cut(world: LinkedWorld) -> None:
    with closing(world.broker.client()) as client:
        cut_all(client)


@_fault(2)
def broker_is_slow(world: LinkedWorld) -> None:
    with closing(world.broker.client()) as client:
        client.client_pause(world.random.choice([300, 1500, 3000]))


@_fault(2)
def broker_hangs(world: LinkedWorld) -> None:
    process = world.broker._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        talk_on(world, world.random.choice([0.5, 3.0]))
    finally:
        process.send_signal(signal.SIGCONT)


@_fault(2)
def one_server_is_cut_off(world: LinkedWorld) -> None:
    for _ in range(world.random.randint(1, 20)):
        world.proxy.cut_after(world.random.randint(0, 2000), "from the server")
        world.proxy.cut_after(world.random.randint(0, 2000), "to the server")
        talk_on(world, 0.15)


def _replace_a_server(world: LinkedWorld, *, kills: bool) -> None:
    """End a server; the others talk on until it is started again."""
    server = world.random.randrange(len(world.nodes))
    people = world.end_server(server, kills=kills)
    talk_on(world, world.random.choice([0.0, 3.0]))
    world.start_server(server, people)


@_fault(1)
def server_is_killed(world: LinkedWorld) -> None:
    _replace_a_server(world, kills=True)


@_fault(1)
def server_is_restarted(world: LinkedWorld) -> None:
    _replace_a_server(world, kills=False)
