"""What can be booked and by whom. Times are UTC, ranges half-open, minutes are minutes."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Column, ForeignKey
from sqlmodel import Field, SQLModel

from booking_app.db.columns import id_column, moment, reference


class Bookable(SQLModel, table=True):
    """A person or a resource. `removed_at` takes the slots away at once and keeps the history."""

    id: int | None = id_column()
    slug: str = Field(unique=True)
    name: str
    kind: str = "person"
    zone: str = "Europe/Amsterdam"
    colour: str = "indigo"
    email: str = ""
    removed_at: datetime | None = moment()


class WeeklyHours(SQLModel, table=True):
    """One period of a weekday (Monday 0), in minutes of the wall day of the bookable's zone, half-open."""

    __tablename__ = "weekly_hours"
    __table_args__ = (CheckConstraint("0 <= opens AND opens < closes AND closes <= 1440", name="minutes"),)
    id: int | None = id_column()
    bookable_id: int = reference("bookable.id")
    weekday: int
    opens: int
    closes: int


class DateOverride(SQLModel, table=True):
    """One period that replaces the weekly hours of a local date; both minutes null: closed that day."""

    __tablename__ = "date_override"
    __table_args__ = (
        CheckConstraint(
            "(opens IS NULL AND closes IS NULL) OR (0 <= opens AND opens < closes AND closes <= 1440)",
            name="minutes",
        ),
    )
    id: int | None = id_column()
    bookable_id: int = reference("bookable.id")
    day: date
    opens: int | None = None
    closes: int | None = None


class Service(SQLModel, table=True):
    """What a customer can book. Lengths in minutes, `horizon_days` in local days."""

    id: int | None = id_column()
    slug: str = Field(unique=True)
    name: str
    description: str = ""
    location: str = ""
    preparation: str = ""
    duration: int = 30
    interval: int = 30
    buffer_before: int = 0
    buffer_after: int = 0
    notice: int = 60
    horizon_days: int = 60
    cap_per_day: int | None = None
    capacity: int = 1
    assignment: str = "any"
    cut_off: int = 120
    """Until how many minutes before the start a customer may cancel or move the appointment."""
    position: int = 0
    active: bool = True


class ServiceBookable(SQLModel, table=True):
    """Who offers a service."""

    __tablename__ = "service_bookable"
    service_id: int = Field(sa_column=Column(ForeignKey("service.id", ondelete="CASCADE"), primary_key=True))
    bookable_id: int = Field(
        sa_column=Column(ForeignKey("bookable.id", ondelete="CASCADE"), primary_key=True, index=True)
    )
