"""Where a request came from: the peer, or what a trusted proxy says of it.

Every proxy appends the address that it was talked to from, so the header is read from its right end, past our own
proxies. What stands further left was written by whoever asked, and is never believed.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from trinity.settings import Network

HEADER = "x-forwarded-for"
HOPS_MAX = 32
"""The most proxies in a row that are looked past."""
UNKNOWN = "?"


def remote_of(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The right-most address that is not a trusted proxy's. `forwarded` are the header's lines, in their order.

    A hop that is no address ends the reading: then the proxy that passed it on stands for the request.
    """
    here = _address(peer or "")
    if here is None or not _is_trusted(here, trusted):
        return str(here) if here else (peer or UNKNOWN)
    hops = [hop for line in forwarded for hop in line.split(",")]
    for hop in hops[: -HOPS_MAX - 1 : -1]:
        found = _address(hop)
        if found is None:
            break
        here = found
        if not _is_trusted(here, trusted):
            break
    return str(here)


def _is_trusted(address: IPv4Address | IPv6Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write them: bare, with a port, or in brackets; IPv4 within IPv6 is IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
