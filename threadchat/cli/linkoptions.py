"""Read where the link to other servers goes, as the options say."""

from pathlib import Path

from threadchat.access.passphrase import BadPassphrase, read_first_line
from threadchat.cli.arguments import Fault
from threadchat.cli.options import Options
from threadchat.link.address import BadLink, LinkAddress, parse_link


def link_address(options: Options) -> LinkAddress | None:
    """Return where the link goes; None if there is to be none. Raise `Fault`."""
    if not options.link:
        return None
    try:
        file = options.link_password_file
        return parse_link(options.link, read_first_line(Path(file)) if file else "")
    except (BadPassphrase, BadLink) as error:
        raise Fault(str(error)) from None
