"""Complete names of people and commands in a line that a person types."""

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry


def complete(registry: Registry, chat: Chat, person: Person, text: str) -> tuple[int, list[str]]:
    """Return where the last word of `text` begins, and the names or commands that complete it.

    Only commands that `person` may use are among them.
    """
    if text.startswith("/") and " " not in text:
        known = (f"/{command.name} " for command in registry.commands_for(person))
        return 0, [name for name in known if name.startswith(text.lower())]
    start = text.rfind(" ") + 1
    word = text[start:].casefold()
    ending = " " if start else ": "
    names = sorted(member.name for member in chat.people())
    return start, [name + ending for name in names if word and name.casefold().startswith(word)]
