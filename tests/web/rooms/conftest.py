"""A world for each test."""

from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]
