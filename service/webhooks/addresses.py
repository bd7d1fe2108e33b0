"""The check whether an address is on the public internet, so that a client's URL leads nowhere else.

It has its own list, because `ipaddress.is_global` differs between Python versions and does not know any cloud.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: Networks that IANA's special-purpose registry excludes from the public internet, with the reason.
_FORBIDDEN_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network; Linux treats 0.0.0.0 as the loopback
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT; one cloud's metadata is at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services: a public address that only its machines reach
        "169.254.0.0/16",  # link-local, and the clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
#: The only IPv6 addresses in public use; loopback, link-local, private and multicast are outside.
_GLOBAL_V6 = ip_network("2000::/3")
_FORBIDDEN_V6 = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments, and Teredo's tunnels to IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4's tunnels to IPv4
        "3fff::/20",  # documentation
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address in digits is on the public internet. Raises ValueError for other text."""
    number = ip_address(address)
    if isinstance(number, IPv6Address):
        inner = _inner(number)
        if inner is None:
            return number in _GLOBAL_V6 and not any(number in network for network in _FORBIDDEN_V6)
        number = inner
    return not any(number in network for network in _FORBIDDEN_V4)


def _inner(number: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a v4-mapped or NAT64 address leads to; None for other addresses."""
    if number in _NAT64:
        return IPv4Address(number.packed[-4:])
    return number.ipv4_mapped


def resolve(host: str, port: int) -> list[str]:
    """Return a host's addresses in the system's order of preference. Raises OSError.

    It takes as long as the system's resolver, and can't be interrupted.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
