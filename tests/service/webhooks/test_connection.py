"""Connections: forbidden addresses, and the time to connect, with real servers, an attacker's too."""

import itertools
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.connection import Resolve, is_public
from service.webhooks.sender import SendResult
from testkit.receiver import receiving
from tests.support.webhooks import make_server_context, post


def test_this_machine_is_not_reached_in_any_notation() -> None:
    hosts = ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]")
    with receiving() as receiver:
        for host, scheme in itertools.product(hosts, ("https", "http")):
            got = post(f"{scheme}://{host}:{receiver.port}/", allow_private=False)
            assert got.status is None
            assert got.error is not None
            assert got.error.startswith(("AddressForbidden", "UrlInvalid"))
            assert scheme == "http" or "public internet" in got.error

    assert receiver.received == []


def test_a_name_with_one_private_address_is_not_reached() -> None:
    with receiving() as receiver:
        url = f"https://shop.example:{receiver.port}/"
        got = post(url, allow_private=False, resolve=lambda *_: ["1.1.1.1", "127.0.0.1"])

    assert receiver.received == []
    assert got.error == "AddressForbidden: shop.example leads to 127.0.0.1, which is not on the public internet"


def test_the_connection_goes_to_the_checked_address_and_the_name_is_resolved_once() -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving() as receiver:
        assert post(f"http://shop.invalid:{receiver.port}/hooks", resolve=once) == SendResult(204)

    # No resolver knows this name: a second look-up would have failed.
    assert asked == ["shop.invalid"]
    assert receiver.received[0].headers["host"] == f"shop.invalid:{receiver.port}"


def test_where_one_address_does_not_answer_the_next_is_tried() -> None:
    with receiving() as receiver:
        url = f"http://shop.invalid:{receiver.port}/"
        assert post(url, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]) == SendResult(204)


def test_a_name_that_does_not_resolve_is_an_error() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    got = post("https://shop.invalid/", resolve=unknown)

    assert got.error == "NameUnknown: shop.invalid does not resolve: [Errno -2] Name or service not known"


def test_tls_verifies_the_name_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    server = make_server_context(tmp_path, "shop.example")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with receiving(tls=server) as receiver:
        here: Resolve = lambda *_: ["127.0.0.1"]  # noqa: E731  # as short as the function that it replaces
        right = post(f"https://shop.example:{receiver.port}/", tls=trusting, resolve=here)
        wrong = post(f"https://other.example:{receiver.port}/", tls=trusting, resolve=here)
        untrusted = post(f"https://shop.example:{receiver.port}/", resolve=here)

    assert right == SendResult(204)
    assert wrong.error is not None
    assert "certificate is not valid for 'other.example'" in wrong.error
    assert untrusted.error is not None
    assert "self-signed certificate" in untrusted.error
    assert len(receiver.received) == 1


def test_a_receiver_that_stalls_in_the_tls_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        got = post(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.5)

    assert got.status is None
    assert "timed out" in (got.error or "")


# Addresses that a webhook may reach


NOT_PUBLIC = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    "224.0.0.0/3",
]


def test_a_non_public_network_is_refused_from_its_first_address_to_its_last() -> None:
    for network in NOT_PUBLIC:
        first, last = ip_network(network)[0], ip_network(network)[-1]
        assert not is_public(str(first)), network
        assert not is_public(str(last)), network
        assert not is_public(f"::ffff:{first}"), "mapped into IPv6"
        assert not is_public(str(IPv6Address("64:ff9b::") + int(last))), "through NAT64"
        if network not in {"0.0.0.0/8", "224.0.0.0/3"}:
            assert is_public(str(first - 1)), network
            assert is_public(str(last + 1)), network


def test_metadata_loopback_private_multicast_and_tunnelled_addresses_are_refused_and_public_ones_are_not() -> None:
    refused = (
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fdff::1", "fec0::1", "ff02::1", "::127.0.0.1"),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1"),
        *("::ffff:169.254.169.254", "::ffff:7f00:1", "64:ff9b::a9fe:a9fe"),
    )
    internet = ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101")

    assert [address for address in (*refused, *internet) if is_public(address)] == list(internet)


@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(2**125, 2**126 - 1).map(IPv6Address)))
def test_addresses_that_python_does_not_count_as_global_are_never_reached(address: IPv4Address | IPv6Address) -> None:
    assert address.is_global or not is_public(str(address))
