"""XML as it comes in, part by part: the document is never held as a whole, and no part may be what no server needs.

Entities and external references are refused (defusedxml)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser


class TooMuch(ValueError):
    """A document goes beyond its `Limits`."""


class NotXml(ValueError):
    """What came in is not one complete document."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """`parts` are the children of the root, `nodes` the elements of one part, `depth` how deep they stand, `token` the
    bytes of one tag with its attributes, or of whatever else comes in one piece, `text` the characters of an element,
    `long_text` those of the elements named in `long`."""

    parts: int = 120_000
    nodes: int = 5_000
    depth: int = 30
    token: int = 100_000
    text: int = 65_536
    long_text: int = 8_000_000
    long: frozenset[str] = frozenset()


class Parts:
    """Hands each child of the root to `take` when it is complete."""

    def __init__(self, take: Callable[[Element], None], limits: Limits) -> None:
        self._target = _Target(take, limits)
        self._parser = DefusedXMLParser(target=self._target)  # type: ignore[no-untyped-call]
        self._limits = limits

    @property
    def root(self) -> str:
        """The name of the root element; empty before it began."""
        return self._target.root

    def feed(self, data: bytes) -> None:
        """The next piece. Raises `TooMuch` or `NotXml`, after which nothing more can be fed."""
        self._target.since += len(data)
        try:
            self._parser.feed(data)
        except (ParseError, DefusedXmlException) as error:
            raise NotXml from error
        if self._target.since > self._limits.token:
            raise TooMuch

    def close(self) -> None:
        """The document is at its end. Raises `NotXml` if it is not."""
        try:
            self._parser.close()
        except (ParseError, DefusedXmlException) as error:
            raise NotXml from error


class _Target:
    def __init__(self, take: Callable[[Element], None], limits: Limits) -> None:
        self._take = take
        self._limits = limits
        self._depth = self._parts = self._nodes = self._text = 0
        self._longest = limits.text
        self._builder = TreeBuilder()
        self.root = ""
        self.since = 0
        """Bytes that came in since anything was whole."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.since = self._text = 0
        limits, depth = self._limits, self._depth
        if depth == 0:
            self.root = tag
        else:
            if depth == 1:
                self._builder, self._nodes = TreeBuilder(), 0
                self._parts += 1
            self._builder.start(tag, attributes)
        self._longest = limits.long_text if tag in limits.long else limits.text
        self._depth = depth + 1
        self._nodes += 1
        if self._parts > limits.parts or self._nodes > limits.nodes or depth >= limits.depth:
            raise TooMuch

    def end(self, tag: str) -> None:
        self.since = self._text = 0
        self._depth -= 1
        if self._depth:
            self._builder.end(tag)
        if self._depth == 1:
            self._take(self._builder.close())

    def data(self, text: str) -> None:
        self.since = 0
        self._text += len(text)
        if self._depth < 2:
            return
        if self._text > self._longest:
            raise TooMuch
        self._builder.data(text)

    def comment(self, _text: str) -> None:
        self.since = 0

    def pi(self, _target: str, _text: str) -> None:
        self.since = 0

    def close(self) -> None:
        return
