"""Put the commands of all topics together in the registry of a server."""

from threadchat.commands import operators, people, rooms, settings, talk
from threadchat.commands.help import add_help
from threadchat.commands.registry import Registry

_IN_ORDER = (
    *("who", "whois", "nick", "me", "msg", "reply", "protect", "unprotect", "join", "leave"),
    *("rooms", "topic", "away", "ignore", "unignore", "last", "search"),
    *("charset", "charmode", "color", "time", "bell", "quit", "motd", "op", "deop", "say", "kick"),
    *("mute", "unmute", "ban", "unban", "bans", "stats", "stop"),
)
"""The order in which `/help` lists the commands: those that newcomers need come first."""

_TOPICS = (people, talk, rooms, settings, operators)


def make_registry() -> Registry:
    """Return a registry of all commands."""
    known = Registry()
    for topic in _TOPICS:
        known.merge(topic.registry)
    registry = Registry()
    add_help(registry)
    for name in _IN_ORDER:
        registry.add(name, known)
    return registry


registry = make_registry()
"""A registry of all commands."""
