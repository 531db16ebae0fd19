"""What is asked before an account is disconnected, and said after it: only what is true of that account. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from booking_app.domain.appointment import ConnectionState
from booking_app.services.views_sync import ConnectionView
from booking_app.state import calendar_cards, link_lines
from booking_app.state.admin_words import disconnected
from booking_app.state.views_calendars import Question


def question(view: ConnectionView, views: Sequence[ConnectionView], standing: int) -> Question:
    """About one of a person's accounts (`views`), in which so many coming appointments stand."""
    shut = view.state == ConnectionState.NEEDS_SIGN_IN
    return Question(
        account=calendar_cards.full_name(view),
        consequence=_consequence(view),
        receiving=_receiving(view, views),
        standing=_standing(standing) if standing and not shut else "",
        stuck=_stuck(standing) if standing and shut else "",
        revocation=link_lines.revocation(view.provider),
    )


def done(asked: Question, wanted: Literal["keep", "remove"], outcome: Literal["kept", "removed"]) -> str:
    """The sentence after it."""
    said = "Disconnected."
    if asked.standing or asked.stuck:
        said = disconnected(wanted, outcome, by_consent=asked.revocation != "")
    return f"{said} Nothing receives your appointments now." if asked.receiving else said


def _consequence(view: ConnectionView) -> str:
    if any(each.blocks for each in view.calendars):
        return "stops blocking your slots at once: customers may book you while you are busy there."
    return "blocks none of your slots, so customers see the same times as before."


def _receiving(view: ConnectionView, views: Sequence[ConnectionView]) -> str:
    target = next((each.name for each in view.calendars if each.target), None)
    if target is None:
        return ""
    said = f"This account receives your appointments, in “{target}”. Once it is disconnected, nothing does"
    if any(each.can_write for other in views if other.uid != view.uid for each in other.calendars):
        return f"{said}, until you press “Receive here” beside another calendar."
    return f"{said}, because no other account of yours can."


def _standing(many: int) -> str:
    if many == 1:
        return "What happens to the coming appointment that stands in it?"
    return f"What happens to the {many} coming appointments that stand in it?"


def _stuck(many: int) -> str:
    what = (
        "The coming appointment that stands in it stays" if many == 1 else f"The {many} coming appointments in it stay"
    )
    return f"{what} there, because the account does not let us in to remove anything."
