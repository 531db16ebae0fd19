"""The shapes of the public API, with examples. Instants are ISO 8601 with offset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

START = "2027-03-16T09:30:00+01:00"
END = "2027-03-16T10:00:00+01:00"


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=4000)


class CustomerIn(_In):
    """Who books."""

    name: str = Field(examples=["Clara Jansen"])
    email: str = Field(examples=["clara@example.com"])
    phone: str = Field("", examples=["+31 20 123 4567"])
    notes: str = Field("", examples=["I have long hair."])


class BookingIn(_In):
    """A wish to book. Without `staff` anybody who is free is assigned."""

    service: str = Field(examples=["haircut"])
    start: AwareDatetime = Field(examples=[START])
    timezone: str = Field(examples=["Europe/Amsterdam"], description="The customer's IANA zone; mails use it.")
    staff: str | None = Field(None, examples=["anna"])
    customer: CustomerIn


class MoveIn(_In):
    """The new time."""

    start: AwareDatetime = Field(examples=[START])


class StaffOut(BaseModel):
    slug: str = Field(examples=["anna"])
    name: str = Field(examples=["Anna de Vries"])


class ServiceOut(BaseModel):
    """`duration` in minutes; `cut_off`: until how many minutes before the start a booking can be changed."""

    slug: str = Field(examples=["haircut"])
    name: str = Field(examples=["Haircut"])
    description: str
    location: str
    preparation: str
    duration: int = Field(examples=[30])
    assignment: str = Field(examples=["any"], description="`one`, `any` of the staff, or `all` together.")
    cut_off: int = Field(examples=[120])
    staff: list[StaffOut]


class ServicesOut(BaseModel):
    services: list[ServiceOut]


class SlotOut(BaseModel):
    """`staff`: who is free then."""

    start: datetime = Field(examples=[START])
    end: datetime = Field(examples=[END])
    staff: list[str] = Field(examples=[["anna"]])


class WithheldOut(BaseModel):
    """Somebody whose slots are not shown because their calendar cannot be trusted: this is not "fully booked"."""

    staff: str = Field(examples=["bert"])
    reason: str = Field(examples=["calendar_unreadable"], description="`calendar_unreadable` or `calendar_stale`")
    message: str = Field(examples=["Bert is temporarily not bookable online."])


class SlotsOut(BaseModel):
    """`verified_at`: as of when the oldest calendar behind the slots is known to be right; null if none is needed."""

    slots: list[SlotOut]
    verified_at: datetime | None = Field(examples=["2027-03-15T10:00:07+01:00"])
    withheld: list[WithheldOut]


class BookedOut(BaseModel):
    """`token` opens the booking and is not shown again."""

    id: str = Field(examples=["7b0c1d8e-5a55-4a2f-9a35-0b8a9d3b6f21"])
    token: str = Field(examples=["tV0m1cWq8o4bq3kF7yJ2Xg9ZsL5uHd6A"])
    manage_url: str = Field(examples=["https://book.example.com/manage/tV0m1cWq8o4bq3kF7yJ2Xg9ZsL5uHd6A"])
    start: datetime = Field(examples=[START])
    end: datetime = Field(examples=[END])
    staff: list[str] = Field(examples=[["anna"]])


class AwaitingOut(BaseModel):
    """Nothing is booked yet. The time is kept until `expires_at` for whoever presses the link in the mail."""

    code: str = Field(examples=["confirm_by_mail"])
    message: str
    expires_at: datetime = Field(examples=[START])
    start: datetime = Field(examples=[START])
    end: datetime = Field(examples=[END])
    staff: list[str] = Field(examples=[["anna"]])


class BookingOut(BaseModel):
    """`state` is `confirmed` or `cancelled`. The customer can change it until `changeable_until`."""

    id: str
    service: str = Field(examples=["haircut"])
    start: datetime = Field(examples=[START])
    end: datetime = Field(examples=[END])
    timezone: str = Field(examples=["Europe/Amsterdam"])
    staff: list[str] = Field(examples=[["anna"]])
    location: str
    preparation: str
    state: str = Field(examples=["confirmed"])
    can_change: bool
    changeable_until: datetime
    manage_url: str


class AlternativeOut(BaseModel):
    start: datetime = Field(examples=[START])
    staff: list[str] = Field(examples=[["anna"]])


class RefusedOut(BaseModel):
    """Nothing was changed. `alternatives` were open when the answer was made, nearest first."""

    code: str = Field(examples=["slot_taken"])
    message: str = Field(examples=["This time has just been taken."])
    alternatives: list[AlternativeOut]


class InvalidOut(BaseModel):
    """`field` names the input to mend."""

    code: Annotated[str, Field(examples=["invalid"])]
    field: str = Field(examples=["customer.email"])
    message: str = Field(examples=["Please give an e-mail address, like name@example.com."])


class ErrorOut(BaseModel):
    code: str = Field(examples=["not_found"])
    message: str = Field(examples=["There is no such booking."])


class TooManyOut(ErrorOut):
    """`retry_after` in seconds, as in the header."""

    retry_after: int = Field(examples=[3])
