"""Names every module of tables, so that migrations and `alembic check` see the whole schema.

This is a list of names, not of imports: the store is below the contexts and must not import them.
"""

from importlib import import_module

from sqlalchemy import MetaData

from trinity.store.schema import metadata

MODULES = (
    "trinity.accounts.models",
    "trinity.integrations.models",
    "trinity.sources.models",
    "trinity.agency.models",
    "trinity.effects.models",
    "trinity.approvals.models",
    "trinity.controls.models",
    "trinity.audit.models",
    "trinity.proof.models",
    "trinity.crm.models",
    "trinity.revenue.models",
    "trinity.modelrouter.models",
)


def load_all() -> MetaData:
    """Load every context's tables into the one metadata."""
    for name in MODULES:
        import_module(name)
    return metadata
