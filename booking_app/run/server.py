"""The web server: Uvicorn with bounds, serving the app of the shell. Run as a module, it is configured by the
environment."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from reflex.constants import Env
from reflex.environment import environment
from uvicorn.server import Server
from uvicorn.supervisors import Multiprocess

from booking_app import config, logs
from booking_app.config import Settings
from booking_app.run.bounded import BoundedConfig, Patience
from booking_app.run.build import ROOT
from booking_app.run.connections import Connections
from booking_app.run.listening import listener

GRACE = 10
"""Seconds that open requests get when the server ends."""
STARTING = 60
"""Seconds after which one of several processes that does not answer the first is taken for hung, also at its start."""
MOST_CONNECTIONS = 10_000
"""Of one process, where the system lets it open as many files."""
OTHER_FILES = 256
"""That the program needs beside connections of clients: database, calendars, logs."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. `build.serving_environment` is set."""
    os.chdir(ROOT)
    # What `reflex run --env prod --single-port` sets once it has built the front end.
    environment.REFLEX_ENV_MODE.set(Env.PROD)
    environment.REFLEX_SKIP_COMPILE.set(True)
    environment.REFLEX_MOUNT_FRONTEND_COMPILED_APP.set(True)
    if settings.workers > 1:
        _count_together(settings.data_dir / "counts")
    proxied = settings.trusted_proxy_hops > 0
    total = _most_connections()
    bounded = BoundedConfig(
        "booking_app.booking_app:app",
        connections=Connections(each=total if proxied else min(settings.connections, total), total=total),
        patience=Patience(),
        proxied=proxied,
        factory=True,
        lifespan="on",
        workers=settings.workers,
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=STARTING,
        log_config=logs.SERVER,
    )
    bound = listener(settings.host, settings.port)
    if settings.workers > 1:
        bound.set_inheritable(True)
        Multiprocess(bounded, [bound]).run()
    else:
        Server(bounded).run([bound])


def _most_connections() -> int:
    """As many as the system lets this process open; what it allows us to take for ourselves is taken."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return max(allowed - OTHER_FILES, allowed // 2)


def _count_together(folder: Path) -> None:
    """Several processes count into files of `folder`, which `/metrics` adds up; they begin anew with each start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.absolute())


if __name__ == "__main__":
    serve(config.load())
