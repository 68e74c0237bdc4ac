"""What makes two log-ins look like one device. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass

NETWORKS = {4: 16, 6: 32}
"""The part of an address (bits, by IP version) that stays when a provider gives a device another one."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a log-in comes from."""

    user_agent: str = ""
    ip: str | None = None

    @property
    def mark(self) -> bytes:
        """The same for log-ins of one device: SHA-256 of its client without version numbers, and its network.

        An update or another address of the same provider doesn't make a device new; whoever copies the client's name
        comes from another network.
        """
        client = re.sub(r"[\d.]+", "", self.user_agent).casefold()
        return hashlib.sha256(f"{client}|{network_of(self.ip) if self.ip else ''}".encode()).digest()


def network_of(ip: str) -> str:
    """Return the network that an address is in: its provider's, roughly. Raises ValueError."""
    address = ipaddress.ip_address(ip)
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network(f"{address}/{NETWORKS[address.version]}", strict=False))
