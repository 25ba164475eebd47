"""The embedded agent runtime: one process per run, standard library only, Python 3.11 or newer.

It reads one JSON line from its input, confines itself, and then talks HTTP to the agents' door and to
nothing else. It holds no credential but the run's lease, reads no environment and writes no file. What it
can bring about is a plan, a draft, an artifact request, an action intent or a note; whether any of that
happens is decided behind the door.
"""
