"""Which network addresses a call may reach: public ones, whatever spelling hides another."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str], Awaitable[list[str]]]

# Public by their number, but answered by the cloud a machine runs in (Azure's wire server).
METADATA = {ipaddress.ip_address("168.63.129.16")}
# Special by the IANA's registries, but public to the `ipaddress` of Pythons before 3.12.4 or 3.14:
# protocol assignments (Oracle's metadata service answers at 192.0.0.192), 6to4 relays, documentation, SRv6.
SPECIAL = tuple(
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16")
)
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


class RefusedAddressError(Exception):
    """A host that must not be called; the message says why."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, the IPv4 one inside an IPv6 one included."""
    if address in METADATA or any(address in network for network in SPECIAL) or not address.is_global:
        return False
    if address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return all(is_public(inner) for inner in _embedded(address))


def _embedded(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 address leads to: by any of the transition mechanisms."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += list(address.teredo or ())
    middle = (int(address) >> 32) & 0xFFFFFFFF
    if (
        any(address in network for network in NAT64)
        or int(address) >> 32 in (0, 0xFFFF0000)  # IPv4-compatible, IPv4-translated
        or middle in (0x00005EFE, 0x02005EFE)  # ISATAP
    ):
        found.append(last)
    return [inner for inner in found if inner is not None]


def literal(host: str) -> Address | None:
    """The address a host spells out; None for a name.

    Decimal, hexadecimal, octal and short IPv4 forms count, as the C library reads them.
    """
    text = host.strip("[]").rstrip(".")
    try:
        return ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError, UnicodeError):
        return None


async def system_lookup(host: str) -> list[str]:
    """The addresses the system's resolver gives for a name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class CheckedResolver(AbstractResolver):
    """Resolves a name and lets a connection be made to the very addresses that were checked.

    One bad address among several refuses the name: which of them a connection takes is not ours to say.
    """

    def __init__(self, allowed: Callable[[Address], bool] = is_public, lookup: Lookup = system_lookup):
        self.allowed, self.lookup = allowed, lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The host's addresses.

        Raises:
            RefusedAddressError: an address is not allowed.
            OSError: the name does not resolve.
        """
        spelled = literal(host)
        found = [str(spelled)] if spelled is not None else await self.lookup(host)
        if not found:
            raise OSError(f"{host} has no address")
        results = []
        for text in found:
            address = ipaddress.ip_address(text.split("%")[0])
            if not self.allowed(address):
                raise RefusedAddressError(f"{host} leads to {address}, which is no public address")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address),
                    port=port,
                    family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""
