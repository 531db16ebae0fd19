"""Putting the focus where somebody goes on, once what a handler changed is drawn."""

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


def focus(element: str) -> EventSpec:
    """Focus the element with this id, as soon as it is there."""
    return rx.call_script(_FOCUS % json.dumps(element))
