"""Which parser reads which media type.

A parser's module is imported when a file of its kind comes, so nobody pays for
formats they do not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.protocols import Parser
    from indexers.parsing.types import Parsed, ParseOptions, Source

_HERE: Final = "indexers.parsing"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True, slots=True)
class Format:
    """A format that can be read.

    Attributes:
        module: of the parser, below this package.
        function: the parser's name.
        isolated: read in the parser process: its bytes steer a library or a container.
    """

    module: str
    function: str = "parse"
    isolated: bool = True

    def parser(self) -> Parser:
        """Import the parser."""
        parser: Parser = getattr(import_module(f"{_HERE}.{self.module}"), self.function)
        return parser


_TEXT = Format("plain", "parse_text", isolated=False)
_PICTURE = Format("ocr", "parse_picture")
FORMATS: Final[dict[str, Format]] = {
    "application/epub+zip": Format("epub"),
    "application/json": Format("records", "parse_json"),
    "application/jsonl": Format("records", "parse_lines"),
    "application/pdf": Format("pdf"),
    f"{_OFFICE}.presentationml.presentation": Format("pptx"),
    f"{_OFFICE}.spreadsheetml.sheet": Format("sheets", "parse_xlsx"),
    f"{_OFFICE}.wordprocessingml.document": Format("docx"),
    "application/x-ipynb+json": Format("notebook"),
    "application/x-subrip": Format("transcripts", "parse_cues"),
    "application/xhtml+xml": Format("html"),
    "image/bmp": _PICTURE,
    "image/jpeg": _PICTURE,
    "image/png": _PICTURE,
    "image/tiff": _PICTURE,
    "image/webp": _PICTURE,
    "message/rfc822": Format("mail"),
    "text/csv": Format("sheets", "parse_csv"),
    "text/html": Format("html"),
    "text/markdown": Format("plain", "parse_markdown"),
    "text/tab-separated-values": Format("sheets", "parse_csv"),
    "text/vtt": Format("transcripts", "parse_cues"),
    "text/x-json": Format("records", "parse_json"),
    "text/x-rst": Format("plain", "parse_rst", isolated=False),
    "text/x-transcript": Format("transcripts", "parse_turns", isolated=False),
}
_REFUSED: Final = {
    "application/gzip": "an archive; unpack it, or name the file itself to have it read",
    "application/vnd.ms-office-encrypted": "encrypted; remove the password and index it again",
    "application/x-bzip2": "an archive; unpack it, or name the file itself to have it read",
    "application/x-ole-storage": "an Office format from before 2007; save it as .docx, .xlsx or .pptx",
    "application/x-tar": "an archive; unpack it, or name the file itself to have it read",
    "application/x-xz": "an archive; unpack it, or name the file itself to have it read",
    "application/zip": "an archive; unpack it, or name the file itself to have it read",
}


def format_of(media_type: str) -> Format:
    """Return how a media type is read; any other kind of text is read as it stands.

    Raises:
        UnparsableError: there is no parser for it.
    """
    if media_type in FORMATS:
        return FORMATS[media_type]
    if media_type.startswith("text/"):
        return _TEXT
    raise UnparsableError(_REFUSED.get(media_type, f"no parser for {media_type}"))


def read(source: Source, options: ParseOptions) -> Parsed:
    """Parse in this process.

    Raises:
        UnparsableError: with the reason.
        MissingDependencyError: the library of the format is not installed.
    """
    limits = options.limits
    if not source.data.strip():
        raise UnparsableError("empty file")
    if len(source.data) > limits.file_bytes:
        raise UnparsableError(
            f"{len(source.data):,} bytes are more than {limits.file_bytes:,}; raise the limit"
        )
    parsed = format_of(source.media_type).parser()(source, options)
    if not parsed.text.strip():
        raise UnparsableError("no text in it")
    return parsed
