"""PostgreSQL: the source of truth. Engine, unit of work, outbox, roles, migrations, the embedded server.

The unit of work (`Database.transaction`) is the only place that commits. It sets the account for row-level
security, lets jobs leave with the commit, and sends notifications right after it.
"""
