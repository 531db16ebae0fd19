"""Whether the program can be imported with the packages that are installed; prints which of them are not the locked."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import PackageNotFoundError, version

import booking_app
from tests.locked import DEV_LOCK, pins


def main() -> None:
    for name, locked in pins(DEV_LOCK).items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if installed != locked:
            print(f"{name} {installed} (locked: {locked})")
    for module in pkgutil.walk_packages(booking_app.__path__, "booking_app."):
        # Alembic runs its own environment and the steps.
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


if __name__ == "__main__":
    main()
