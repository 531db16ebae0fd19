"""The tables. Times are timestamptz in UTC; ranges are half-open; ids that leave the system are random."""

from __future__ import annotations

from booking_app.db.account_tables import Account, Bucket, Device, OneTimeLink, Session
from booking_app.db.booking_tables import (
    Appointment,
    Booking,
    BookingPolicy,
    IdempotencyKey,
    KnownMailbox,
    Occupancy,
    Unconfirmed,
)
from booking_app.db.catalog_tables import Bookable, DateOverride, Service, ServiceBookable, WeeklyHours
from booking_app.db.columns import metadata
from booking_app.db.oauth_tables import Channel, ConsentAttempt, Grant, ProviderApp
from booking_app.db.sync_tables import (
    Alert,
    BusyBlock,
    Calendar,
    CalendarObject,
    Connection,
    DelaySample,
    Mirror,
    Outbox,
    TimeSeen,
    UnreadObject,
)
from booking_app.db.zone_tables import ZoneRules

__all__ = [
    "Account",
    "Alert",
    "Appointment",
    "Bookable",
    "Booking",
    "BookingPolicy",
    "Bucket",
    "BusyBlock",
    "Calendar",
    "CalendarObject",
    "Channel",
    "Connection",
    "ConsentAttempt",
    "DateOverride",
    "DelaySample",
    "Device",
    "Grant",
    "IdempotencyKey",
    "KnownMailbox",
    "Mirror",
    "Occupancy",
    "OneTimeLink",
    "Outbox",
    "ProviderApp",
    "Service",
    "ServiceBookable",
    "Session",
    "TimeSeen",
    "Unconfirmed",
    "UnreadObject",
    "WeeklyHours",
    "ZoneRules",
    "metadata",
]
