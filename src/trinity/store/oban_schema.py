"""Oban's installer, reachable where `erlpack` is absent.

Oban imports `erlpack` (C++ source only, no wheel) for one feature, `Record`, that Trinity does not use: jobs
leave their results in our own tables. Where it is not installed a stand-in module takes its name and
refuses loudly, so that nobody needs a compiler.
"""

import importlib.util
import sys
from types import ModuleType


def stand_in_for_erlpack() -> None:
    """Make `import oban` possible without `erlpack`. Repeatable; does nothing where the real one is installed."""
    if "erlpack" in sys.modules or importlib.util.find_spec("erlpack") is not None:
        return

    def refuse(*_: object, **__: object) -> bytes:
        raise RuntimeError("erlpack is not installed: a job must not return oban.Record")

    module = ModuleType("erlpack", "Stands in for erlpack; refuses.")
    module.pack = module.unpack = refuse  # type: ignore[attr-defined]
    sys.modules["erlpack"] = module


def install_sql() -> str:
    """The SQL that creates Oban's types, tables and indexes in `public`."""
    stand_in_for_erlpack()
    from oban.schema import install_sql as oban_install_sql

    return str(oban_install_sql())
