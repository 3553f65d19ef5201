"""Tell a LAN of thousands of servers that there are not: `python -m tests.support.forgery ADDRESS`.

They come from this address of the machine, again and again, until the program is ended or has sent
a million packets. This is for network namespaces of the tests alone.
"""

import socket
import sys
import time

from zeroconf._dns import DNSAddress, DNSPointer, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing

from threadchat.lan.names import TELNET


def forged(number: int, address: str) -> bytes:
    """Return the packet of a server that there is not."""
    name = f"threadchat on {number:05}.{TELNET}"
    out = DNSOutgoing(0x8400)
    for record in (
        DNSPointer(TELNET, 12, 1, 4500, name),
        DNSService(name, 33, 0x8001, 120, 0, 0, 1 + number, f"h{number}.local."),
        DNSText(name, 16, 0x8001, 4500, b"\x11server=threadchat"),
        DNSAddress(f"h{number}.local.", 1, 0x8001, 120, socket.inet_aton(address)),
    ):
        out.add_answer_at_time(record, 0)
    return out.packets()[0]


def main(address: str) -> None:
    packets = [forged(number, address) for number in range(5000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, 5353))
        print("begins", flush=True)
        for _ in range(200):
            for packet in packets:
                sock.sendto(packet, ("224.0.0.251", 5353))
                time.sleep(1e-6)  # so that whoever reads has some of the processor, too


if __name__ == "__main__":
    main(sys.argv[1])
