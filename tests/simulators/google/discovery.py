"""The official discovery document, and every call held against it: methods, parameters, bodies, `fields`.

The document ships in google-api-python-client. Enumerations of body fields stand only in its descriptions.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import googleapiclient

from tests.simulators.google.errors import ApiError, Json, invalid

_POSSIBLE = re.compile(r'^- "([^"]+)"', re.MULTILINE)
SCOPE = "https://www.googleapis.com/auth/"


@functools.cache
def document() -> Mapping[str, Any]:
    folder = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
    return cast("Mapping[str, Any]", json.loads((folder / "calendar.v3.json").read_text()))


@dataclass(frozen=True, kw_only=True)
class Method:
    """`name` as `events.list`; `scopes` any one of which opens it; `parameters` of path and query by name."""

    name: str
    verb: str
    pattern: re.Pattern[str]
    scopes: frozenset[str]
    parameters: Mapping[str, Mapping[str, Any]]
    request: str | None
    response: str | None


@functools.cache
def methods() -> tuple[Method, ...]:
    found = []
    for resource, content in document()["resources"].items():
        for name, item in content["methods"].items():
            parts = re.split(r"\{(\w+)\}", item["path"])
            pattern = "".join(
                re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts)
            )
            found.append(
                Method(
                    name=f"{resource}.{name}",
                    verb=item["httpMethod"],
                    pattern=re.compile(pattern),
                    scopes=frozenset(item.get("scopes", ())),
                    parameters={**document()["parameters"], **item.get("parameters", {})},
                    request=item.get("request", {}).get("$ref"),
                    response=item.get("response", {}).get("$ref"),
                )
            )
    # `users/me/calendarList/watch` before `users/me/calendarList/{calendarId}`
    return tuple(sorted(found, key=lambda method: method.pattern.groups))


def find(verb: str, raw_path: str) -> tuple[Method, dict[str, str]]:
    """The method for a path below `/calendar/v3/`, still percent-encoded, and its path parameters."""
    for method in methods():
        if method.verb == verb and (match := method.pattern.fullmatch(raw_path)):
            return method, {name: unquote(value) for name, value in match.groupdict().items()}
    raise ApiError(404, "notFound", "Not Found")


@dataclass(frozen=True, kw_only=True)
class Query:
    """Checked query parameters; absent ones are absent."""

    values: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str | None:
        return self.values.get(name)

    def flag(self, name: str) -> bool:
        return self.values.get(name) == "true"

    def number(self, name: str, default: int) -> int:
        return int(self.values.get(name, default))

    def many(self, name: str) -> tuple[str, ...]:
        return self.lists.get(name, ())

    def shape(self, *without: str) -> str:
        """All parameters but those named, as one comparable text."""
        given = {**self.values, **{name: ",".join(sorted(items)) for name, items in self.lists.items()}}
        return json.dumps({name: given[name] for name in sorted(given) if name not in without})


def check_query(method: Method, pairs: Sequence[tuple[str, str]]) -> Query:
    values: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        rule = method.parameters.get(name)
        if rule is None or rule["location"] != "query":
            raise _unknown(name, f"Cannot bind query parameter. Field '{name}' could not be found in request message.")
        _check_value(name, rule, value)
        if rule.get("repeated"):
            lists[name] = (*lists.get(name, ()), value)
        elif name in values:
            raise invalid(f"Parameter {name} may not be repeated.", name)
        else:
            values[name] = value
    missing = [
        name
        for name, rule in method.parameters.items()
        if rule.get("required") and rule["location"] == "query" and name not in values
    ]
    if missing:
        raise ApiError(400, "required", f"Required parameter: {missing[0]}", location=missing[0])
    return Query(values=values, lists=lists)


def _check_value(name: str, rule: Mapping[str, Any], value: str) -> None:
    kind = rule["type"]
    if kind == "boolean" and value not in ("true", "false"):
        raise invalid(f"Invalid value at '{name}' (TYPE_BOOL), \"{value}\"", name)
    if kind == "integer":
        if not re.fullmatch(r"-?\d{1,9}", value):
            raise invalid(f"Invalid value at '{name}' (TYPE_INT32), \"{value}\"", name)
        low, high = int(rule.get("minimum", value)), int(rule.get("maximum", value))
        if not low <= int(value) <= high:
            raise invalid(f"Invalid value '{value}'. Values must be within the range: [{low}, {high}]", name)
    if "enum" in rule and value not in rule["enum"]:
        raise invalid(f"Invalid value at '{name}', \"{value}\"", name)


def _unknown(name: str, why: str) -> ApiError:
    return ApiError(
        400,
        "invalid",
        f'Invalid JSON payload received. Unknown name "{name}": {why}',
        extra={"status": "INVALID_ARGUMENT"},
    )


def check_body(method: Method, body: bytes) -> Json:
    """The JSON body, every field of which the document knows and has the type of."""
    if method.request is None:
        if body.strip():
            raise ApiError(400, "badContent", "Unexpected body.")
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError(400, "parseError", "Parse Error") from None
    _check(document()["schemas"][method.request], value, "")
    return cast("Json", value)


def _check(schema: Mapping[str, Any], value: object, at: str) -> None:
    if "$ref" in schema:
        schema = {**document()["schemas"][schema["$ref"]], **{k: v for k, v in schema.items() if k != "$ref"}}
    kind = schema.get("type", "object")
    if value is None:
        return
    if kind == "object":
        if not isinstance(value, dict):
            raise _wrong(at, value)
        for name, inner in value.items():
            rule = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if rule is None:
                raise _unknown(name, "Cannot find field.")
            _check(rule, inner, f"{at}.{name}" if at else name)
    elif kind == "array":
        if not isinstance(value, list):
            raise _wrong(at, value)
        for inner in value:
            _check(schema["items"], inner, at)
    else:
        possible = _possible(schema)
        if not _is(kind, schema.get("format", ""), value) or (possible and value not in possible):
            raise _wrong(at, value)


def _possible(schema: Mapping[str, Any]) -> list[str]:
    text = schema.get("description", "")
    return _POSSIBLE.findall(text) if "Possible values are" in text else []


def _is(kind: str, form: str, value: object) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "string" and form == "int64":  # written as text, read as either
        return isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None)
    return isinstance(value, str) if kind == "string" else kind == "any"


def _wrong(at: str, value: object) -> ApiError:
    return ApiError(400, "invalid", f"Invalid value for: {json.dumps(value)[:80]} ({at})")


# Partial responses: `fields=nextPageToken,items(id,attendees(self,responseStatus),extendedProperties/private)`

Tree = dict[str, "Tree"]


def parse_fields(text: str) -> Tree:
    tree, rest = _selection(text, text)
    if rest:
        raise _selects(text)
    return tree


def _selection(rest: str, whole: str) -> tuple[Tree, str]:
    tree: Tree = {}
    while True:
        match = re.match(r"(\*|\w+)((?:/(?:\*|[\w-]+))*)", rest)
        if match is None:
            raise _selects(whole)
        rest = rest[match.end() :]
        inner = tree.setdefault(match[1], {})
        for step in filter(None, match[2].split("/")):
            inner = inner.setdefault(step, {})
        if rest.startswith("("):
            found, rest = _selection(rest[1:], whole)
            if not rest.startswith(")"):
                raise _selects(whole)
            inner.update(found)
            rest = rest[1:]
        if not rest.startswith(","):
            return tree, rest
        rest = rest[1:]


def _selects(text: str) -> ApiError:
    return ApiError(400, "invalidParameter", f"Invalid field selection {text}", location="fields")


def check_fields(tree: Tree, schema: Mapping[str, Any]) -> None:
    """Every selected field exists in the response's schema."""
    while "$ref" in schema or schema.get("type") == "array":
        schema = document()["schemas"][schema["$ref"]] if "$ref" in schema else schema["items"]
    for name, inner in tree.items():
        rule = schema if name == "*" else schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if rule is None:
            raise _selects(name)
        if name != "*":
            check_fields(inner, rule)


def select(tree: Tree, value: object) -> object:
    """Only what the tree selects of `value`; an empty tree is everything."""
    if not tree or tree.get("*") == {}:
        return value
    if isinstance(value, list):
        return [select(tree, item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {
        name: select(tree.get(name, tree.get("*", {})), inner)
        for name, inner in value.items()
        if name in tree or "*" in tree
    }
    return {name: inner for name, inner in found.items() if inner != {}}
