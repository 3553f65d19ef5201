"""Open the door for browsers, as the options say: which port, and what to tell the operator."""

from collections.abc import Sequence
from ipaddress import ip_address

from rich.console import RenderableType

from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.cli.arguments import Fault
from threadchat.cli.options import Options
from threadchat.commands.registry import Command
from threadchat.console.log import Console
from threadchat.console.operator import Operator
from threadchat.console.qrcode import BLOCKS, qr_code
from threadchat.errors import PersonError
from threadchat.messages.kinds import Problem
from threadchat.monitoring.events import Bound, Watch
from threadchat.net.addresses import plain_host, show_address, urls
from threadchat.server.chatserver import ChatServer
from threadchat.server.config import DEFAULT_WEB_PORT
from threadchat.text.extras import why_unusable
from threadchat.text.qrcode import why_no_codes

LAST_WEB_PORT = 8090
"""The last port that is tried if nobody asked for one and the first is taken."""

NO_DOOR = "start the server without --web-port off"


def web_ports(option: str) -> Sequence[int]:
    """Return the ports to try in turn; none if the door is to stay shut, or cannot be had.

    `option` is the value of `--web-port`; "" if nobody gave one. Raise `Fault` if a port was asked
    for and the extra is missing, or broken.
    """
    if option == "off":
        return ()
    if why := why_no_door():
        if option:
            raise Fault(f"--web-port {option}: {_cannot_join(why)}")
        return ()
    if option:
        return (int(option),)
    return range(DEFAULT_WEB_PORT, LAST_WEB_PORT + 1)


def why_no_door() -> str:
    """Return why no server can have the door, as the end of a line, and the way out; "" if it can.

    The extra `web` may be missing, or broken.
    """
    return why_unusable("threadchat.server.weblistener", "web")


def _cannot_join(why: str) -> str:
    return f"browsers cannot join: {why}, or --web-port off to hear no more of it"


def tell_way_for_browsers(
    options: Options, server: ChatServer, console: Console, watch: Watch
) -> None:
    """Tell the operator what people type into a browser, and show the QR code of that."""
    listener = server.web_listener
    if options.metrics == "lan" and (why_not := _why_no_metrics(server)):
        watch.warn(f"--metrics lan serves nothing: {why_not}")
    if listener is None:
        if not options.web_port and (why := why_no_door()):
            watch.warn(_cannot_join(why))
        return
    address = listener.server_address
    shown = urls(address, options.allow.admits_near)
    watch.note(Bound(f"{show_address(address)} (browsers)", shown))
    code = None if options.no_qr else code_of(server, console)
    if code is not None:
        console.answer(code)


def _why_no_metrics(server: ChatServer) -> str:
    """Return why nobody can have the figures, and the way out; "" if that is not so."""
    if server.web_listener is None:
        return "there is no port for browsers, see --web-port"
    from threadchat.web.watching import why_no_figures  # only here: it needs packages of the door

    return why_no_figures()


def code_of(server: ChatServer, console: Console) -> RenderableType | None:
    """Return the QR code of the page; None where it cannot be shown."""
    listener = server.web_listener
    if listener is None:
        return None
    shown = urls(listener.server_address, server.limits.allowed.admits_near)
    return qr_code(shown[0], console.columns_for(BLOCKS)) if shown else None


def hook_addresses(server: ChatServer, token: str) -> list[str]:
    """Return the addresses at which a hook with `token` is posted to, one for each way in.

    Raise `PersonError` if there is none.
    """
    listener = server.web_listener
    if listener is None:
        way_out = why_no_door() or NO_DOOR
        raise PersonError(f"Posts come in at the port for browsers, and there is none: {way_out}.")
    from threadchat.web.hooks import PATH  # only here: it needs these packages

    address, admits = listener.server_address, server.limits.allowed.admits_near
    names = list(server.config.web_hosts)
    if ip_address(plain_host(str(address[0]))).is_unspecified and admits("127.0.0.1"):
        names.insert(0, "localhost")  # for programs on this machine, whatever addresses it gets
    return [
        f"{url}{PATH.lstrip('/')}{token}"
        for scheme in (("http", "https") if server.tls else ("http",))
        for url in dict.fromkeys(
            [
                *urls(address, admits, scheme=scheme),
                *(f"{scheme}://{name}:{address[1]}/" for name in names),
            ]
        )
    ]


def add_qr_command(operator: Operator, server: ChatServer, console: Console) -> None:
    """Let the operator see the QR code again, with `qr`."""

    def show(chat: Chat, person: Person, argument: str) -> None:
        code = code_of(server, console)
        if code is not None:
            console.answer(code)
        elif server.web_listener is None:
            person.tell(Problem("Browsers are not served: see --web-port."))
        elif why := why_no_codes():
            person.tell(Problem(f"There is no code: {why}."))
        else:
            person.tell(Problem("This terminal cannot show it: too narrow, or without blocks."))

    summary = "show the QR code of the page's address"
    operator.commands.add(Command("qr", "", summary, show, topic="server", is_for_operators=True))
