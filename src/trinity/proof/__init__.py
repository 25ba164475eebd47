"""Proof: packets that anyone can check, signed with a key that lives outside the database.

Owns `packets`. Promises that a packet holds stored bytes as they are stored, that what does not exist is said
to be missing, and that nothing here judges: `trinity_verify` does, and it imports nothing of Trinity.
"""

from trinity.proof.evidence import Check, checks
from trinity.proof.graph import Kind
from trinity.proof.keys import Signer, generate, signer
from trinity.proof.packets import build_packet
from trinity.proof.store import (
    PacketLine,
    StoredPacket,
    latest_packet,
    newest_packets,
    orders_behind,
    store_packet,
)
from trinity.proof.story import Story, read_story

__all__ = [
    "Check",
    "Kind",
    "PacketLine",
    "Signer",
    "StoredPacket",
    "Story",
    "build_packet",
    "checks",
    "generate",
    "latest_packet",
    "newest_packets",
    "orders_behind",
    "read_story",
    "signer",
    "store_packet",
]
