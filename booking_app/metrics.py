"""What the program counts about itself, in Prometheus terms. `/metrics` prints it, with what `services.vitals` reads
from the database when it is asked.

Any layer may count: this module imports nothing of the program. Labels are reasons and kinds, never a name, an
address or a token.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

DELAYS = (0.25, 0.5, 1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 120, 300, 600)

bookings = Counter("booking_app_bookings_total", "Bookings committed.")
"""`bookings.inc()` once for each committed booking; reschedules are not counted."""

refusals = Counter("booking_app_refusals_total", "Bookings refused, by the code of the refusal.", ["reason"])
"""`refusals.labels(reason="taken").inc()`; the reason is the short code that the API answers with."""

computations = Counter("booking_app_slot_computations_total", "Slots computed for open pages.")
"""`computations.inc()` each time the board computes an answer; all pages that look at it share it."""

notices = Counter(
    "booking_app_notices_total", "Messages of calendar providers, by what became of them.", ["provider", "outcome"]
)
"""`taken`, `greeting`, `lifecycle`, `closed` and `stale` are genuine; `refused` could not be verified."""

requests = Counter(
    "booking_app_provider_requests_total",
    "Requests to calendar providers, by how they ended.",
    ["provider", "outcome"],
)
"""`answered`, `limited` (429), `refused` (any other 4xx), `disturbed` (5xx) and `silent`: no complete answer."""

answering = Histogram(
    "booking_app_notice_seconds",
    "How long a calendar provider waited for the answer to its message.",
    ["provider"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 3),
)

changes = Counter(
    "booking_app_sync_changes_total",
    "Changes found in calendars that have a push channel, by what came before: `push`, or only the regular `read`.",
    ["after"],
)

inbound = Histogram(
    "booking_app_sync_inbound_seconds",
    "Seconds from the last read that did not show a change of a calendar to the commit of the one that did: the "
    "longest that the change can have been unseen, not how long it was.",
    buckets=DELAYS,
)
outbound = Histogram(
    "booking_app_sync_outbound_seconds",
    "Seconds from the last change of an appointment to the calendar server's confirmation of our write.",
    buckets=DELAYS,
)
