"""The few lines that run in the browser without asking the server (assets/page.js).

Elements take part by attributes, given with `custom_attrs`; those whose text is written there have no children:

`data-server-now="<instant>"`  somewhere on the page: the server's clock, which the browser's may differ from;
`data-age="<instant>"`         its text becomes the time since then ("4 s ago"), every second;
`data-until="<instant>"`       its text becomes the time left ("4 min 05 s");
`data-good-until="<instant>"`  gets the attribute `data-late` when that instant has passed, never for 0; `.in-time`
                               in it shows before, and `.too-late` after;
`data-clock="<instant>:<offset> ..."`
                               its text becomes the time of day where the offset from UTC, in seconds, is the last one
                               that has begun: what the browser itself knows of zones may be years old;
`data-focus="1"`               takes the focus when it appears;
`data-back="<id>"`             in a step that opens on the same page: the element which the browser's Back presses while
                               this one is there, instead of leaving the page;
`data-close="1"`               in an element of role `dialog`: the button that Escape presses;
`data-keep="<name>"`           on a form: what is typed survives a reload of the tab, until an element with
                               `data-forget="<name>"` appears; it never leaves the browser before it is sent;
`data-zones="1"`               on an input with a datalist: the list gets the browser's IANA zones;
`data-unreachable="1"`         there while the server cannot be reached: after some seconds it says how else to book;
`data-copied="<word>"`         its text becomes this word for two seconds after a click;
`aria-busy="true"`             on `main`, while the page is being opened: presses of its buttons wait until it is done;
`data-grid="7"`                arrow keys, Home and End move between its buttons, seven a row, the first one
                               standing `data-offset` columns in; PageUp and PageDown press the elements whose ids
                               are `data-previous` and `data-next`; `data-label` says what the grid shows now;
`data-list="1"`                one stop of the Tab key: arrow keys, Home and End move between its buttons, wherever they
                               are drawn; `data-label` says what the list shows now, and a new one begins at its start.
"""

from __future__ import annotations

import reflex as rx


def scripts() -> list[rx.Component]:
    """For the head of every page. The first says how this installation can be reached (api/contact.py)."""
    return [rx.el.script(src="/contact.js", defer=True), rx.el.script(src="/page.js", defer=True)]
