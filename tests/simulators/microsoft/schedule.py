"""Free and busy times of people. Source: "calendar: getSchedule"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

from tests.simulators.microsoft import zones
from tests.simulators.microsoft.call import Call
from tests.simulators.microsoft.errors import Json, denied, failed_validation, invalid
from tests.simulators.microsoft.mailbox import Instance, Span
from tests.simulators.microsoft.schema import check

_DIGITS = {"free": "0", "workingElsewhere": "0", "tentative": "1", "busy": "2", "unknown": "2", "oof": "3"}
_LONGEST = timedelta(days=62)


def get(call: Call) -> Json:
    """Of default calendars only; not for personal accounts. Raises GraphError 400, 403."""
    call.may_look()
    call.only()
    body = call.body()
    named: Json = {name[:1].upper() + name[1:]: value for name, value in body.items()}
    check("getSchedule", named)
    if call.user.personal:
        raise denied()
    people = cast("list[str]", named.get("Schedules") or [])
    interval = cast("int", named.get("AvailabilityViewInterval") or 30)
    if not people or not 5 <= interval <= 1440:
        raise failed_validation("Schedules are required, and an interval from 5 to 1440 minutes.")
    bounds = []
    for name in ("StartTime", "EndTime"):
        moment, zone = zones.read(named.get(name))
        bounds.append(moment.replace(tzinfo=zones.known(zone)).astimezone(UTC))
    if not timedelta() < bounds[1] - bounds[0] <= _LONGEST:
        raise invalid("The requested time duration is invalid: at most 62 days.", "ErrorInvalidTimeInterval")
    span = (bounds[0], bounds[1])
    return {"value": [_person(call, address, span, timedelta(minutes=interval)) for address in people]}


def _person(call: Call, address: str, span: Span, step: timedelta) -> Json:
    user = call.world.users.get(address.lower())
    if user is None or user.tid != call.user.tid:
        error = {"message": "The user was not found.", "responseCode": "ErrorMailRecipientNotFound"}
        return {"scheduleId": address, "availabilityView": "", "scheduleItems": [], "error": error}
    taken = [each for each in user.mailbox.default.view(span) if _status(each) != "free"]
    items: list[Json] = []
    for each in taken:
        low, high = (moment.astimezone(zones.known(call.prefs.zone)).replace(tzinfo=None) for moment in each.span())
        item: Json = {
            "isPrivate": each.data.get("sensitivity") == "private",
            "status": _status(each),
            "start": zones.shown(low, call.prefs.zone),
            "end": zones.shown(high, call.prefs.zone),
        }
        if user is call.user:
            item |= {"subject": each.data["subject"], "location": ""}
        items.append(item)
    return {"scheduleId": address, "availabilityView": _digits(taken, span, step), "scheduleItems": items}


def _status(instance: Instance) -> str:
    if instance.data.get("isCancelled"):
        return "free"
    return str(instance.data.get("showAs") or "busy")


def _digits(taken: list[Instance], span: Span, step: timedelta) -> str:
    found, moment = "", span[0]
    while moment < span[1]:
        meeting = [each for each in taken if _meets(each.span(), moment, moment + step)]
        found += max((_DIGITS[_status(each)] for each in meeting), default="0")
        moment += step
    return found


def _meets(busy: Span, low: datetime, high: datetime) -> bool:
    return busy[0] < high and low < busy[1]
