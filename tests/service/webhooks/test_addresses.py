"""Addresses that a webhook may reach: the edges of every network that is not the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.addresses import is_public

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
