"""What a handler does to a field of a form, once what it changed is drawn."""

from __future__ import annotations

import json

import reflex as rx
from reflex.event import EventSpec

_FOCUS = """
((id, tries) => {
  const look = () => {
    const found = document.getElementById(id);
    if (found && found.getClientRects().length) found.focus();
    else if (tries--) requestAnimationFrame(look);
  };
  requestAnimationFrame(() => requestAnimationFrame(look));
})(%s, 60)
"""
_FILL = """
((id, value) => requestAnimationFrame(() => {
  const found = document.getElementById(id);
  if (found && !found.value) found.value = value;
}))(%s, %s)
"""


def fill(element: str, value: str) -> EventSpec:
    """Put `value` into the field with this id, unless somebody has typed there by now. The field is the browser's: one
    with another default would be another field, without what was typed."""
    return rx.call_script(_FILL % (json.dumps(element), json.dumps(value)))


def focus(element: str) -> EventSpec:
    """Focus the element with this id, as soon as it is there."""
    return rx.call_script(_FOCUS % json.dumps(element))
