"""What people choose stands at the end of a line, so that it cannot look like what we write."""

from tests.support.clients import Client
from tests.support.servers import run_server
from threadchat import ChatServer
from threadchat.console.operator import Operator
from threadchat.storage.records import Records

CHOSEN = "x), boss (away: y). Bye. <- you are here, muted (quit) <end>"
"""Words that would look like the rest of several lines, if anything of ours stood behind them."""

_WAYS = """\
/topic {0}
/say {0}
/me {0}
{0}
/msg bo {0}
/away {0}
/motd {0}
/ban nobody 1h {0}
/ban 203.0.113.7 {0}
/kick ed {0}
/nick nobody
"""

_LOOKS = """\
/who
/who lobby
/whois mallory
/rooms
/topic
/motd
/bans
/last
/msg mallory hi
/nick nobody
"""


def test_nothing_of_ours_stands_behind_what_people_choose() -> None:
    with run_server(records=Records(None)) as (server, console):
        operator = Operator(server.chat, server.commands, console.answer)
        with Client(server, "bo") as bo, Client(server, "cy") as cy:
            with Client(server, "ed") as ed, enter_operator(server, "mallory") as mallory:
                mallory.type(_WAYS.format(CHOSEN))
                mallory.sync()
                ed.expect_end()
                cy.type(_LOOKS)
                cy.sync()
                for line in ("who", "whois mallory", "rooms", "topic lobby", "motd", "bans"):
                    operator.obey(line)
                mallory.type(f"/quit {CHOSEN}")
                mallory.expect_end()
            bo.expect("<-- mallory left")
            bo.sync()
            seen = b"\n".join(client.received for client in (bo, cy, ed, mallory)).decode()
        console.close()
        shown = console.file.getvalue()
    for text in (seen, shown):
        lines = [line.rstrip() for line in text.splitlines() if "boss" in line]
        assert [line for line in lines if not line.endswith(CHOSEN)] == []
    assert seen.count(CHOSEN) > 25
    assert shown.count(CHOSEN) > 12


def enter_operator(server: ChatServer, name: str) -> Client:
    client = Client(server, name)
    server.chat.names.find(name).is_operator = True
    return client
