"""What a browser's message has to look like before anything acts on it.

Whatever comes over the websocket was written by whoever holds it: a page of ours, or a script. A message that does not
fit would end in Reflex as an exception, with its traceback and its payload in the log. Here it is nothing.
"""

from __future__ import annotations

import types
from inspect import Parameter
from typing import Any, Union, get_args, get_origin
from urllib.parse import urlsplit

from reflex.event import EventHandler
from reflex.state import EventHandlerSetVar, State
from reflex_base.registry import RegistrationContext

LONGEST_PATH = 2000
"""Characters of a page's address."""

_FORMS: dict[object, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    float: (int, float),
    bool: (bool,),
    dict: (dict,),
    list: (list,),
}
"""What JSON may bring for a parameter of that type; of any other the handler itself makes something."""
_PAGE = ("pathname", "asPath", "query")
_VARIADIC = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}


def checked(message: object) -> dict[str, Any] | None:
    """A message that names one of our event handlers, gives it what it takes and says which page it comes from. None
    for any other."""
    if not isinstance(message, dict):
        return None
    name, payload, page = (message.get(part) for part in ("name", "payload", "router_data"))
    payload, page = {} if payload is None else payload, {} if page is None else page
    if not isinstance(name, str) or not isinstance(payload, dict) or not isinstance(page, dict):
        return None
    registered = RegistrationContext.get().event_handlers.get(name)
    if registered is None or isinstance(registered.handler, EventHandlerSetVar):
        return None
    if not _takes(registered.handler, payload) or not _is_page(page):
        return None
    return {"name": name, "payload": payload, "router_data": {each: page[each] for each in _PAGE if each in page}}


def _takes(handler: EventHandler, payload: dict[str, Any]) -> bool:
    """Whether nothing is missing, nothing unknown, and everything of the kind that the handler's types say."""
    parameters = dict(list(handler.get_parameters().items())[1:])
    needed = {
        name
        for name, parameter in parameters.items()
        if parameter.default is Parameter.empty and parameter.kind not in _VARIADIC
    }
    if not needed <= set(payload) <= set(parameters):
        return False
    hints = handler._get_type_hints()
    if not all(_fits(value, hints.get(name, Any)) for name, value in payload.items()):
        return False
    # Reflex's own handlers take the values of vars that a browser keeps, by name.
    own = handler.fn.__module__.partition(".")[0] == "reflex"
    return not own or all(_is_kept_by_browsers(name) for name in payload.get("vars") or {})


def _fits(value: object, hint: object) -> bool:
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return any(_fits(value, each) for each in get_args(hint))
    if hint is type(None):
        return value is None
    forms = _FORMS.get(origin or hint)
    if forms is None:
        return True
    if isinstance(value, bool) and bool not in forms:
        return False
    if not isinstance(value, forms):
        return False
    return not isinstance(value, list) or all(_fits(each, (*get_args(hint), Any)[0]) for each in value)


def _is_kept_by_browsers(name: object) -> bool:
    state, _, var = str(name).rpartition(".")
    try:
        return bool(State.get_class_substate(state)._is_client_storage(var))
    except ValueError:
        return False


def _is_page(page: dict[str, Any]) -> bool:
    for name in ("pathname", "asPath"):
        path = page.get(name, "/")
        if not isinstance(path, str) or len(path) > LONGEST_PATH:
            return False
        try:
            urlsplit(f"https://localhost{path}").port  # noqa: B018
        except ValueError:
            return False
    query = page.get("query", {})
    return isinstance(query, dict) and all(_fits(value, str | list[str]) for value in query.values())
