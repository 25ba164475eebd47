"""The product's own processes, forked from the one that has everything imported."""

from tests.kill.conftest import forks

__all__ = ["forks"]
