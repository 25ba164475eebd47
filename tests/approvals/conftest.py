"""A world for each test."""

from tests.worlds import gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world

__all__ = ["gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]
