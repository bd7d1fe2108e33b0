"""Protection against SSRF: httpcore connections that only reach public addresses, with limits of time and bytes.

The host is resolved once, all its addresses are checked, and the connection uses a checked address. So a DNS answer
that changes in between has no effect. TLS still verifies the host's name.

The list of public addresses is Backdrop's own, because `ipaddress.is_global` differs between Python versions and does
not know any cloud.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore

#: Resolves host and port to addresses: the system's resolver, or a test's. Raises OSError.
Resolve = Callable[[str, int], list[str]]
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


class AddressForbidden(Exception):
    """Raised when a host is, or resolves to, an address that is not on the public internet."""


class NameUnknown(httpcore.ConnectError):
    """Raised when a host's name does not resolve."""


class Bounds:
    """The limits of one exchange: seconds until its end, and bytes received."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._end = time.monotonic() + seconds
        self._bytes_left = max_bytes

    def seconds_left(self, timeout: float | None) -> float:
        """Return how many seconds the next step may take. Raises httpcore.ReadTimeout if the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer took too long")
        return left if timeout is None else min(left, timeout)

    def bytes_left(self) -> int:
        """Return how many bytes the next read may return. Raises httpcore.ReadError if none are left."""
        if self._bytes_left <= 0:
            raise httpcore.ReadError("the answer is too long")
        return self._bytes_left

    def count(self, data: bytes) -> bytes:
        """Subtract the received data from the limit, and return it."""
        self._bytes_left -= len(data)
        return data


class _Stream(httpcore.NetworkStream):
    """A connection with limits, which a slow trickle of bytes does not prolong."""

    def __init__(self, stream: httpcore.NetworkStream, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        size = min(max_bytes, self._bounds.bytes_left())
        return self._bounds.count(self._stream.read(size, self._bounds.seconds_left(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._bounds.seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._bounds.seconds_left(timeout))
        return _Stream(inner, self._bounds)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects only to checked addresses. Create one for each exchange."""

    def __init__(self, bounds: Bounds, *, allow_private: bool, resolve: Resolve) -> None:
        self._bounds = bounds
        self._allow_private = allow_private
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers.

        Raises AddressForbidden if any address is not public, NameUnknown if there is none, and httpcore's ConnectError
        and ConnectTimeout.
        """
        failure: Exception = NameUnknown(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                # An address in digits is not resolved again.
                stream = self._sockets.connect_tcp(
                    address, port, self._bounds.seconds_left(timeout), local_address, socket_options or ()
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._bounds)
        raise failure

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:  # UnicodeError: an empty label, or more than 63 characters
            raise NameUnknown(f"{host} does not resolve: {error}") from error
        if not self._allow_private:
            # One private address forbids the host, so that the choice of address can't matter.
            for address in addresses:
                if not is_public(address):
                    raise AddressForbidden(f"{host} leads to {address}, which is not on the public internet")
        return addresses
