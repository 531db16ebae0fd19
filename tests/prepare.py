"""Run before the tests: what they need beyond Python packages. Prints what is missing and how to get it."""

from __future__ import annotations

import sys

from booking_app.run.build import built
from booking_app.run.trouble import Trouble
from tests import chromium, moment


def main() -> int:
    try:
        moment.begin()
        built(lambda line: print(line, flush=True))
    except (Trouble, ValueError) as trouble:
        print(trouble, file=sys.stderr)
        return 2
    path = chromium.get()
    if path is None:
        print(
            "The browser tests need a Chromium and none could be installed: install the package chromium (or "
            "google-chrome), or set CHROMIUM to the path of one.",
            file=sys.stderr,
        )
        return 2
    print(f"Browser: {path}", flush=True)
    print(moment.header(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
