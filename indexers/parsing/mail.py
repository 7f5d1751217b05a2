"""E-mail: the headers a reader sees, the body, and the attachments that can be read."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from typing import TYPE_CHECKING

from encoders.errors import MissingDependencyError
from indexers.media_types import media_type_of
from indexers.parsing.builder import TextBuilder, one_line
from indexers.parsing.formats import read
from indexers.parsing.html import HtmlWriter
from indexers.parsing.types import Source, UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read one message."""
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(source.data)
    builder = TextBuilder(options.limits.characters)
    for name in _HEADERS:
        if value := one_line(str(message.get(name, ""))):
            builder.write(f"{name}: {value}\n")
    if not (builder.length or message.get_payload()):
        raise UnparsableError("no message")
    body = message.get_body(("plain", "html"))
    if body is not None:
        _write_body(body, builder)
    for part in message.iter_attachments():
        _write_attachment(part, source, options, builder)
    for defect in message.defects:
        builder.note(f"damaged message: {type(defect).__name__}")
    return builder.parsed(title=str(message.get("Subject", "")))


def _write_body(body: MIMEPart, builder: TextBuilder) -> None:
    builder.paragraph_break()
    text = _content(body)
    if body.get_content_type() == "text/html":
        writer = HtmlWriter(builder)
        writer.feed(text)
        writer.close()
    else:
        builder.write(text.replace("\r\n", "\n"))
        builder.line_break()


def _content(part: MIMEPart) -> str:
    content = part.get_content()
    return content if isinstance(content, str) else content.decode("utf-8", "replace")


def _write_attachment(part: MIMEPart, source: Source, options: ParseOptions, builder: TextBuilder) -> None:
    name = one_line(part.get_filename() or "") or part.get_content_type()
    if source.depth >= options.limits.depth:
        builder.note(f"attachment {name!r} left out: nested more than {options.limits.depth} deep")
        return
    data = _bytes(part)
    inner = Source(data=data, name=name, media_type=media_type_of(name, data), depth=source.depth + 1)
    try:
        parsed = read(inner, options)
    except (UnparsableError, MissingDependencyError) as error:
        builder.note(f"attachment {name!r} left out: {error}")
        return
    builder.heading(f"Attachment: {name}", 1)
    builder.include(parsed)
    builder.line_break()


def _bytes(part: MIMEPart) -> bytes:
    content = part.get_content()
    if isinstance(content, EmailMessage):
        return content.as_bytes()
    return content.encode() if isinstance(content, str) else bytes(content)
