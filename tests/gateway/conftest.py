"""A world for each test."""

from tests.worlds import (
    cheap_passwords,
    gateway_database,
    gmail_dir,
    gmail_url,
    open_world,
    shared_gmail,
    shop,
    stripe,
    world,
)

__all__ = [
    "cheap_passwords",
    "gateway_database",
    "gmail_dir",
    "gmail_url",
    "open_world",
    "shared_gmail",
    "shop",
    "stripe",
    "world",
]
