"""Loaded by every Python that a run of the tests starts, before anything else: sets the program's clock ahead.

`tests.moment` puts this folder on the path. Nothing of the program knows of it or reads the variable.
"""

import contextlib
import os
from datetime import timedelta

# A Python without the program, which a tool of somebody else may start, has no clock to set.
with contextlib.suppress(ImportError):
    from booking_app.domain import clock

    clock.AHEAD = timedelta(seconds=float(os.environ.get("TESTS_AHEAD", "0")))
