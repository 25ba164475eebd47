"""Sources: every piece of text with its origin and release state.

Owns `sources`. Promises that an agent sees ids, sizes, times and enumerations of what is quarantined and no
text of it, and that only a person with the role releases (I9).
"""

from trinity.sources.commands import NewSource, add_source, decide_release
from trinity.sources.queries import (
    Source,
    get_source,
    hold_source,
    list_readable,
    list_released,
    list_sources,
    list_withheld,
)

__all__ = [
    "NewSource",
    "Source",
    "add_source",
    "decide_release",
    "get_source",
    "hold_source",
    "list_readable",
    "list_released",
    "list_sources",
    "list_withheld",
]
