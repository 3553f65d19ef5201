"""The addresses of this machine's interfaces, as the system lists them."""

import ctypes
import ipaddress
import os
import socket

import pytest

from threadchat.net.interfaces import InterfaceAddress, interface_addresses


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have getifaddrs")
def test_the_loopback_interface_is_listed() -> None:
    found = interface_addresses()
    (name,) = {one.interface for one in found if one.address == "127.0.0.1"}
    assert name in [interface for _, interface in socket.if_nameindex()]
    for one in found:
        ipaddress.ip_address(one.address)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have getifaddrs")
def test_a_server_can_be_bound_to_each_ipv4_address() -> None:
    # So they are read from the right place of the structures.
    found = [one.address for one in interface_addresses() if "." in one.address]
    assert found
    for address in found:
        with socket.create_server((address, 0)) as server:
            assert server.getsockname()[0] == address


@pytest.mark.parametrize(
    ("interface", "is_internal"),
    [
        ("lo", False),
        ("eth0", False),
        ("wlan0", False),
        ("bridge0", False),
        ("docker0", True),
        ("br-1a2b3c4d5e6f", True),
        ("br-lan", False),
        ("br-guest", False),
        ("br-10", False),
        ("virbr0", True),
        ("lxcbr0", True),
        ("lxdbr0", True),
        ("podman0", True),
        ("cni0", True),
        ("veth1a2b3c4", True),
        ("vboxnet0", True),
        ("cali0123456789a", True),
        ("incusbr0", True),
    ],
)
def test_bridges_inside_this_machine_are_known(interface: str, is_internal: bool) -> None:
    assert InterfaceAddress(interface, "172.17.0.1").is_internal is is_internal


@pytest.mark.parametrize(
    ("interface", "is_lan", "faces_it"),
    [
        ("eth0", True, True),
        ("wlan0", True, True),
        ("wlp3s0", True, True),
        ("en0", True, True),
        ("br-lan", True, True),
        ("lo", False, False),
        ("docker0", True, False),
        ("wg0", False, False),
        ("wg0", True, False),
        ("tun0", True, False),
        ("tap0", True, False),
        ("utun3", True, False),
        ("tailscale0", True, False),
        ("awdl0", True, False),
    ],
)
def test_which_interfaces_face_the_lan(interface: str, is_lan: bool, faces_it: bool) -> None:
    one = InterfaceAddress(interface, "192.168.1.7", is_lan=is_lan)
    assert one.faces_the_lan is faces_it


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have getifaddrs")
def test_the_network_and_the_kind_of_the_loopback_interface_are_read() -> None:
    (one,) = [it for it in interface_addresses() if it.address == "127.0.0.1"]
    assert one.prefix == 8
    assert not one.is_lan
    for other in interface_addresses():
        assert other.prefix is not None
        ipaddress.ip_network((other.address, other.prefix), strict=False)


class Nothing:
    """A C library without the function."""


class Failing:
    """A C library whose function fails."""

    freeifaddrs = None

    @staticmethod
    def getifaddrs(_first: object) -> int:
        return -1


@pytest.mark.parametrize("library", [Nothing, Failing])
def test_a_system_that_does_not_tell_is_no_error(
    library: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library())
    assert interface_addresses() == []
