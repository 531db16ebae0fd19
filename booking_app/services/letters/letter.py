"""What a mail says, before it is a mail: a subject and blocks that become plain text and simple HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A labelled line. `over`: it holds no longer and is struck through. Line breaks in `text` stay."""

    label: str
    text: str
    over: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Where the reader can go. Both are ours, never a customer's."""

    label: str
    url: str


Block = Paragraph | Fact | Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """`signature` ends it. No text in here is trusted: all of it is escaped where it is put into HTML."""

    subject: str
    blocks: tuple[Block, ...]
    signature: str


def as_text(letter: Letter) -> str:
    """Plain text with LF line ends."""
    lines: list[str] = []
    previous: Block | None = None
    for block in letter.blocks:
        if previous is not None and not (isinstance(block, Fact) and isinstance(previous, Fact)):
            lines.append("")
        lines += _text_lines(block)
        previous = block
    return "\n".join([*lines, "", "-- ", letter.signature]) + "\n"


def _text_lines(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from block.text.splitlines()
    elif isinstance(block, Fact):
        first, *rest = block.text.splitlines() or [""]
        yield f"{block.label}: {first}"
        # Indented, so that no line of a customer's notes can pass for one of ours.
        yield from (f"    {line}" for line in rest)
    else:
        yield f"{block.label}:"
        yield block.url


_BODY = (
    "margin:0;padding:24px;font-size:16px;line-height:1.5;color:#1c2024;background:#ffffff;"
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
)


def as_html(letter: Letter) -> str:
    """A page without images, scripts, style sheets or anything fetched from elsewhere."""
    body: list[str] = []
    in_table = False
    for block in letter.blocks:
        if isinstance(block, Fact) != in_table:
            in_table = not in_table
            body.append('<table role="presentation" style="border-collapse:collapse">' if in_table else "</table>")
        body.append(_html(block))
    if in_table:
        body.append("</table>")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(letter.subject)}</title></head>\n'
        f'<body style="{_BODY}">\n'
        '<div style="max-width:560px">\n'
        + "\n".join(body)
        + f'\n<p style="color:#60646c;margin:24px 0 0">{_lines(letter.signature)}</p>\n</div>\n</body></html>\n'
    )


def _html(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f'<p style="margin:0 0 16px">{_lines(block.text)}</p>'
    if isinstance(block, Link):
        return f'<p style="margin:16px 0"><a href="{escape(block.url)}">{escape(block.label)}</a></p>'
    text = _lines(block.text)
    return (
        f'<tr><td style="padding:2px 16px 2px 0;color:#60646c;vertical-align:top">{escape(block.label)}</td>'
        f'<td style="padding:2px 0">{f"<s>{text}</s>" if block.over else text}</td></tr>'
    )


def _lines(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())
