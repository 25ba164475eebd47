"""Proof: packets that anyone can check, signed with a key that lives outside the database.

Owns `packets`. Promises that a packet holds stored bytes as they are stored, that what does not exist is said
to be missing, and that nothing here judges: `trinity_verify` does, and it imports nothing of Trinity.
"""

from trinity.proof.evidence import Check, checks
from trinity.proof.keys import Signer, generate, signer
from trinity.proof.packets import build_packet
from trinity.proof.store import StoredPacket, latest_packet, store_packet

__all__ = [
    "Check",
    "Signer",
    "StoredPacket",
    "build_packet",
    "checks",
    "generate",
    "latest_packet",
    "signer",
    "store_packet",
]
