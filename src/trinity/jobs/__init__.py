"""Jobs: thin Oban workers and cron. They call the gateway and the contexts, and decide nothing themselves.

Nothing of Oban is imported here, so that `trinity.jobs.oban_mends` can prepare its import.
"""
