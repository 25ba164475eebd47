"""The story that `trinity demo` tells: a stranger pays, the agency works, and every cent and mail can be followed.

Each chapter does something real, as the person it is about would do it (a stranger without script, members at the
API), and then looks at what came of it: in Trinity, and in the stand-ins' own books.
"""

from trinity.cli.story.teller import Teller
from trinity.cli.story.whole import tell

__all__ = ["Teller", "tell"]
