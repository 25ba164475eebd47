"""The adapter's tests talk to the real stand-in process, whose books are the judge."""

from tests.sandbox.smtp.conftest import smtp_process, standin

__all__ = ["smtp_process", "standin"]
