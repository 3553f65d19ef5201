"""The names under which servers are announced, and what the records tell."""

import pytest

from threadchat.lan.names import (
    HTTP,
    TELNET,
    Service,
    instance_name,
    is_of_threadchat,
    local_name,
    machine_label,
    services,
    target_name,
)


class TestServices:
    def test_a_server_with_all_doors(self) -> None:
        told = {"server": "threadchat", "version": "1.2"}
        assert services(8000, 8080, 8992, "1.2") == [
            Service(TELNET, 8000, {**told, "tls": "8992"}),
            Service(HTTP, 8080, {"path": "/", **told}),
        ]

    def test_one_without_browsers_and_tls(self) -> None:
        (only,) = services(8000, None, None, "1.2")
        assert only == Service(TELNET, 8000, {"server": "threadchat", "version": "1.2"})

    def test_they_are_known_among_others(self) -> None:
        assert all(is_of_threadchat(it.told) for it in services(8000, 8080, 8992, "1.2"))
        assert not is_of_threadchat({"server": "a printer"})
        assert not is_of_threadchat({"server": None})
        assert not is_of_threadchat({})


class TestTheMachine:
    @pytest.mark.parametrize(
        ("host_name", "label", "local"),
        [
            ("box", "box", "box.local"),
            ("Als-MacBook.local", "Als-MacBook", "Als-MacBook.local"),
            ("box.example.org", "box", "box.local"),
            ("7", "7", "7.local"),
            ("under_score", "under_score", None),
            ("-x", "-x", None),
            ("", "host", None),
            (".local", "host", None),
            ("\x1b[31mred\n", "red", None),
            ("B\u00fcro", "B\u00fcro", None),
        ],
    )
    def test_what_it_is_called(self, host_name: str, label: str, local: str | None) -> None:
        assert machine_label(host_name) == label
        assert local_name(host_name) == local


class TestTheServer:
    def test_the_first_has_no_number(self) -> None:
        assert instance_name("box", 1) == "threadchat on box"
        assert instance_name("box", 2) == "threadchat on box (2)"
        assert target_name("box", 1) == "threadchat-on-box.local."
        assert target_name("box", 2) == "threadchat-2-on-box.local."
        assert target_name("\u6f22", 1) == "threadchat-on-host.local."

    @pytest.mark.parametrize("machine", ["x" * 300, "\u00fc" * 300, "\u20ac" * 300, "x-" * 100])
    @pytest.mark.parametrize("number", [1, 2, 99])
    def test_a_long_name_is_cut_where_a_letter_ends(self, machine: str, number: int) -> None:
        name = instance_name(machine, number)
        assert 60 <= len(name.encode()) <= 63
        assert name.startswith("threadchat on ")
        assert number == 1 or name.endswith(f" ({number})")
        assert len(target_name(machine, number).removesuffix(".local.")) <= 63

    @pytest.mark.parametrize("machine", ["B\u00fcro 7", "a.b", "\u540d", "_x_"])
    def test_its_host_is_of_letters_digits_and_hyphens(self, machine: str) -> None:
        label = target_name(machine, 1).removesuffix(".local.")
        assert local_name(label) == f"{label}.local"
