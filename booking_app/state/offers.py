"""Services, people, refusals and appointments as a visitor reads them: pure functions from values to views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.errors import Invalid, Reason, Refused
from booking_app.domain.zones import local_date
from booking_app.services.views import BookingReceipt, PersonView, ServiceView
from booking_app.state import picture, times
from booking_app.state.admin_words import initials
from booking_app.state.views import Appointment, FormErrors, Links, Offer, Person, Refusal, TimeButton

_FIELDS = ("name", "email", "phone", "notes")

_ADVICE = {
    Reason.CUT_OFF: "Please contact us directly; we will see what is possible.",
    Reason.ALREADY_CANCELLED: "You can book a new time whenever you like.",
    Reason.CALENDAR_STALE: "Try again in a moment, or take one of these times:",
    Reason.CALENDAR_UNREADABLE: "Try again in a moment, or take one of these times:",
}


def person(view: PersonView) -> Person:
    return Person(slug=view.slug, name=view.name, initials=initials(view.name), colour=view.colour)


def offer(view: ServiceView) -> Offer:
    """What the page of a service says about it."""
    people = tuple(person(each) for each in view.staff)
    together = view.assignment == AssignmentMode.ALL and len(people) > 1
    choosable = view.assignment == AssignmentMode.ANY and len(people) > 1
    return Offer(
        slug=view.slug,
        name=view.name,
        description=view.description,
        location=view.location,
        duration=times.duration_words(view.duration),
        people=people,
        with_words="Anyone free" if choosable else times.names([each.name for each in people]),
        choosable=choosable,
        together=together,
    )


def named(people: Iterable[Person], slugs: Sequence[str]) -> str:
    """The names behind slugs, in words."""
    return times.names([each.name for each in people if each.slug in slugs])


def refusal(refused: Refused, *, zone: str, people: Sequence[Person], wished: str | None) -> Refusal:
    """Why not and what instead. An alternative names its person where that is not the one who was wished for."""
    buttons = tuple(
        TimeButton(
            start=each.start,
            words=_alternative(each.start, zone),
            who=f"with {named(people, each.staff[:1])}" if wished is not None and wished not in each.staff else "",
            label=picture.slot_label(each.start, zone),
        )
        for each in refused.alternatives
    )
    advice = _ADVICE.get(refused.reason, "These times are still free:")
    if not buttons and refused.reason not in _ADVICE:
        advice = "Please choose another day or another person, or contact us directly."
    return Refusal(title=str(refused), advice=advice, instead=buttons)


def _alternative(start: int, zone: str) -> str:
    return f"{times.brief_day(local_date(zone, start))}, {times.clock(start, zone)}"


def appointment(
    view: ServiceView, start: int, zone: str, people: Sequence[Person], slugs: Sequence[str]
) -> Appointment:
    """A time of a service in words, for one zone everywhere."""
    day, span = times.span_words(start, start + view.duration * 60, zone)
    return Appointment(
        service=view.name,
        day=day,
        times=span,
        zone=times.zone_words(zone),
        people=named(people, slugs),
        location=view.location,
        preparation=view.preparation,
    )


def links(receipt: BookingReceipt, service: ServiceView, now: int) -> Links:
    """Where a booking just made is looked after."""
    fixed = now > receipt.start - service.cut_off * 60
    return Links(manage=receipt.manage_url, calendar=f"/ics/{receipt.token}.ics", fixed=fixed)


def form_errors(wrong: Invalid) -> FormErrors:
    """The sentence beside the field it is about."""
    field = wrong.field.removeprefix("customer.")
    return FormErrors(**{field if field in _FIELDS else "form": str(wrong)})


def first_wrong(errors: FormErrors) -> str:
    """The id of the field to go to; empty if it is none in particular."""
    return next((field for field in _FIELDS if getattr(errors, field)), "")
