"""A process that has everything imported and forks the product's own workers, so that each start is quick.

Reads lines `{"environ", "role", "ready", "arm"}` and answers with the pid of the child. The child is the
product: `working(...)` or the web server, with one difference: a hook that dies by SIGKILL, or kills
PostgreSQL, at the barrier that the file `arm` names. The hook is installed here, in Python, because no
setting of the product can.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from trinity.cli.parts import _until_signalled
from trinity.host import processes_in
from trinity.jobs import workers
from trinity.jobs.engine import working
from trinity.kit import barriers
from trinity.settings import load

assert workers.__name__


class Hook:
    """Counts how often the armed barrier was reached, and strikes the nth time."""

    def __init__(self, arm: Path) -> None:
        self._arm = arm
        self._armed = ""
        self._count = 0

    def __call__(self, name: str) -> None:
        """Called at every barrier."""
        try:
            text = self._arm.read_text()
        except FileNotFoundError:
            return
        if text != self._armed:
            self._armed, self._count = text, 0
        wanted = json.loads(text)
        if wanted["barrier"] != name:
            return
        self._count += 1
        if self._count < wanted["nth"]:
            return
        self._arm.unlink(missing_ok=True)
        if wanted["victim"] == "postgres":
            while pids := processes_in(Path(wanted["data"])):
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def child(order: dict[str, object]) -> None:
    """Be a worker or the web server until killed."""
    environ = {str(k): str(v) for k, v in dict(order["environ"]).items()}  # type: ignore[call-overload]
    barriers.install(Hook(Path(str(order["arm"]))))
    settings = load(environ, cwd=Path("/"))
    ready = Path(str(order["ready"]))
    role = str(order["role"])

    def say(said: dict[str, object]) -> None:
        ready.write_text(json.dumps(said))

    async def run(stop: asyncio.Event) -> None:
        if role == "web":
            from trinity.web.serving import serve

            await serve(settings, say, stop, is_fsync_demanded=False)
            return
        async with working(settings, role, is_fsync_demanded=False):
            say({"role": role})
            await stop.wait()

    asyncio.run(_until_signalled(run))


def main() -> None:
    """Fork what is asked for until standard input ends; children die with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            try:
                child(json.loads(line))
            finally:
                os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
