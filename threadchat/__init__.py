"""A chat server for a LAN that everybody can already talk to, with telnet or netcat.

`python -m threadchat` runs it; `ChatServer` is the same for use from Python. What can be imported
from here is the public face; deeper modules may move.
"""

from threadchat.access.limits import Allowed, Limits, parse_allowed
from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Connection, Member
from threadchat.chat.person import Person
from threadchat.chat.rules import RulesFiles
from threadchat.commands.registry import Command, Misuse, Registry
from threadchat.console.log import Console, Detail
from threadchat.errors import OperatorError, PersonError
from threadchat.messages.format import Format
from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    Private,
    Problem,
    Remark,
    Renamed,
    RoomMessage,
    Say,
    Spoken,
    Welcome,
)
from threadchat.monitoring.eventlog import EventLog
from threadchat.monitoring.events import (
    Acted,
    Bound,
    Connected,
    Disconnected,
    Event,
    Named,
    Refused,
    Stopped,
    Stopping,
    Trouble,
    Watcher,
)
from threadchat.monitoring.stats import Snapshot
from threadchat.net.disconnect import Reason
from threadchat.net.tls import make_context
from threadchat.server.chatserver import ChatServer
from threadchat.server.config import ServerConfig
from threadchat.storage.history import Found, History
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory

__version__ = "0.2.0"

__all__ = [
    "Acted",
    "Allowed",
    "Bound",
    "Chat",
    "ChatServer",
    "Command",
    "Connected",
    "Connection",
    "Console",
    "Detail",
    "Disconnected",
    "Emote",
    "Event",
    "EventLog",
    "Format",
    "Found",
    "History",
    "Joined",
    "Left",
    "LeftTogether",
    "Limits",
    "Member",
    "Message",
    "Misuse",
    "Named",
    "Notice",
    "OperatorError",
    "Person",
    "PersonError",
    "Private",
    "Problem",
    "Reason",
    "Records",
    "Refused",
    "Registry",
    "Remark",
    "Renamed",
    "RoomMessage",
    "RulesFiles",
    "Say",
    "ServerConfig",
    "Snapshot",
    "Spoken",
    "Stopped",
    "Stopping",
    "StoredHistory",
    "Trouble",
    "Watcher",
    "Welcome",
    "__version__",
    "make_context",
    "parse_allowed",
]
