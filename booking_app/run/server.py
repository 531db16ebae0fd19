"""The web server: Granian, serving the app of the shell. Run as a module, it is configured by the environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server
from reflex.constants import Env
from reflex.environment import environment

from booking_app import config, logs
from booking_app.config import Settings
from booking_app.run.build import ROOT

GRACE = 10
"""Seconds that open requests get when the server ends."""


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. `build.serving_environment` is set."""
    os.chdir(ROOT)
    # What `reflex run --env prod --single-port` sets once it has built the front end.
    environment.REFLEX_ENV_MODE.set(Env.PROD)
    environment.REFLEX_SKIP_COMPILE.set(True)
    environment.REFLEX_MOUNT_FRONTEND_COMPILED_APP.set(True)
    if settings.workers > 1:
        _count_together(settings.data_dir / "counts")
    server = Server(
        target="booking_app.booking_app:app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_level=LogLevels.warning,
        log_dictconfig=logs.SERVER,
        working_dir=ROOT,
    )
    server.serve()


def _count_together(folder: Path) -> None:
    """Several processes count into files of `folder`, which `/metrics` adds up; they begin anew with each start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.absolute())


if __name__ == "__main__":
    serve(config.load())
