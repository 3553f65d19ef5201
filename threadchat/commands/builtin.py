"""Put the commands of all topics together in a registry of a server's own."""

from collections.abc import Iterable

from threadchat.commands import (
    moderation,
    operators,
    people,
    protected,
    rooms,
    settings,
    talk,
)
from threadchat.commands.help import add_help
from threadchat.commands.registry import Command, Registry


def make_registry(more: Iterable[Command] = ()) -> Registry:
    """Return a new registry of all commands, with `more` behind them.

    Raise `ValueError` if two commands have a name in common.
    """
    registry = Registry()
    add_help(registry)
    for topic in (talk, people, rooms, settings, moderation, operators, protected):
        registry.merge(topic.registry)
    registry.merge(more)
    return registry
