"""Where the page is served: `[HOST:]PORT`, the socket there, and the names that it answers to."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from akitsu.errors import AkitsuError

LOOPBACK = "127.0.0.1"
OPTION = "--serve"
WRITTEN = re.compile(r"(?:(?P<host>\[[^\]]+\]|[^:\[\]]+):)?(?P<port>\d{1,5})", re.ASCII)

UNREAD_MS = 20_000
"""Who reads nothing of what is sent for so long is hung up on, where the system can (Linux)."""

ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent there, but the kernel says from which of
its own addresses it would be."""


@dataclass(frozen=True)
class Address:
    """What was asked for.

    Attributes:
        host: A name or an IP address, IPv6 without brackets.
        port: 0 for any that is free.
    """

    host: str
    port: int


def read_address(text: str) -> Address:
    """`PORT` for this machine alone, or `HOST:PORT`.

    Raises:
        AkitsuError: If it is neither.

    Example:
        >>> read_address("8000"), read_address("[::]:8000")
        (Address(host='127.0.0.1', port=8000), Address(host='::', port=8000))
    """
    match = WRITTEN.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise AkitsuError(
            f"{text!r} is no address",
            where=OPTION,
            do="write a port (8000), or 0.0.0.0:8000 for every machine that reaches this one",
        )
    host = (match["host"] or LOOPBACK).strip("[]")
    return Address(host, int(match["port"]))


def listen(address: Address) -> socket.socket:
    """A socket that listens there.

    Raises:
        AkitsuError: If the host is not of this machine, or the port is taken or forbidden.
    """
    try:
        family, *_, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = address.host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(place[:2], family=family, dualstack_ipv6=both)
    except OSError as error:
        raise AkitsuError(
            f"no page can be served at {written(address.host)}:{address.port} "
            f"({error.strerror or error})",
            where=OPTION,
            do="choose another port, or an address of this machine",
        ) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by every connection
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    return listener


def is_local(listener: socket.socket) -> bool:
    """Whether this machine alone can reach the socket."""
    return ip_address(listener.getsockname()[0]).is_loopback


def names_here(host: str, *, local: bool) -> frozenset[str]:
    """The names, besides numbers, by which this server may be called.

    Args:
        host: As it was asked for.
        local: Whether only this machine calls it.
    """
    own = socket.gethostname().lower()
    others = set() if local else {own, f"{own}.local"}
    return frozenset({"localhost", host.lower(), *others})


def url_of(host: str, listener: socket.socket) -> str:
    """What to type into a browser, on this machine or on another that reaches it."""
    port = listener.getsockname()[1]
    if host in ("0.0.0.0", "::"):
        host = _outward() or socket.gethostname()
    return f"http://{written(host)}:{port}/"


def written(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _outward() -> str | None:
    """This machine's own address as its network knows it; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])
