"""All that `from threadchat import ...` gives.

The package takes it from here only when somebody asks for a name, because reading all these modules
takes a moment.
"""

from threadchat.access.limits import Allowed, Limits, parse_allowed
from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import Connection, Member
from threadchat.chat.person import Person
from threadchat.chat.rules import RulesFiles
from threadchat.commands.registry import Command, Misuse, Registry
from threadchat.console.log import Console, Detail
from threadchat.errors import OperatorError, PersonError
from threadchat.link.address import LinkAddress, parse_link
from threadchat.messages.answers import (
    LastAnswer,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    WhoisAnswer,
)
from threadchat.messages.format import Format
from threadchat.messages.jsonlines import JsonLines
from threadchat.messages.kinds import (
    Announcement,
    CameBack,
    Emote,
    Gap,
    Goodbye,
    Joined,
    Left,
    LeftTogether,
    Message,
    Muted,
    Notice,
    Private,
    Problem,
    Renamed,
    ReplayBegins,
    ReplayEnds,
    RoomMessage,
    Say,
    Spoken,
    StopAnnounced,
    TakenBack,
    TopicSet,
    Unmuted,
    Welcome,
    WentAway,
)
from threadchat.messages.linkkinds import (
    ApartBegins,
    ApartEnds,
    LeftWithServer,
    LinesMissed,
    LinkBack,
    LinkLost,
)
from threadchat.messages.places import Place
from threadchat.monitoring.eventlog import EventLog
from threadchat.monitoring.events import (
    Acted,
    AnnouncedOnLan,
    Bound,
    Connected,
    Disconnected,
    Event,
    FoundWaysIn,
    Linked,
    Named,
    Refused,
    Stopped,
    Stopping,
    Trouble,
    Unlinked,
    Watcher,
)
from threadchat.monitoring.stats import Snapshot
from threadchat.net.certificate import Certificate
from threadchat.net.disconnect import Reason
from threadchat.server.chatserver import ChatServer
from threadchat.server.config import ServerConfig
from threadchat.session.program import ProgramMember
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.storage.searching import Found
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.names import BadName

__all__ = [
    "Acted",
    "Allowed",
    "AnnouncedOnLan",
    "Announcement",
    "ApartBegins",
    "ApartEnds",
    "BadName",
    "Bound",
    "CameBack",
    "Certificate",
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
    "FoundWaysIn",
    "Gap",
    "Goodbye",
    "History",
    "Joined",
    "JsonLines",
    "LastAnswer",
    "Left",
    "LeftTogether",
    "LeftWithServer",
    "Limits",
    "LinesMissed",
    "LinkAddress",
    "LinkBack",
    "LinkLost",
    "Linked",
    "Member",
    "Message",
    "Misuse",
    "Muted",
    "Named",
    "Notice",
    "OperatorError",
    "Person",
    "PersonError",
    "Place",
    "Private",
    "Problem",
    "ProgramMember",
    "Reason",
    "Records",
    "Refused",
    "Registry",
    "Renamed",
    "ReplayBegins",
    "ReplayEnds",
    "RoomMessage",
    "RoomsAnswer",
    "RulesFiles",
    "Say",
    "SearchAnswer",
    "ServerConfig",
    "Snapshot",
    "Spoken",
    "StopAnnounced",
    "Stopped",
    "Stopping",
    "StoredHistory",
    "TakenBack",
    "TopicSet",
    "Trouble",
    "Unlinked",
    "Unmuted",
    "Watcher",
    "Welcome",
    "WentAway",
    "WhoAnswer",
    "WhoisAnswer",
    "parse_allowed",
    "parse_link",
]
