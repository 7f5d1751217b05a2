"""What kind of text a file holds, by its name and content."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath

_BY_SUFFIX = {
    ".bash": "text/x-sh", ".c": "text/x-c", ".cc": "text/x-c++", ".cpp": "text/x-c++", ".cs": "text/x-csharp",
    ".css": "text/css", ".cxx": "text/x-c++", ".go": "text/x-go", ".h": "text/x-c", ".hpp": "text/x-c++",
    ".htm": "text/html", ".html": "text/html", ".java": "text/x-java", ".js": "text/javascript",
    ".json": "text/x-json", ".jsx": "text/javascript", ".kt": "text/x-kotlin", ".kts": "text/x-kotlin",
    ".lua": "text/x-lua", ".markdown": "text/markdown", ".md": "text/markdown", ".mdx": "text/markdown",
    ".mjs": "text/javascript", ".php": "text/x-php", ".py": "text/x-python", ".pyi": "text/x-python",
    ".rb": "text/x-ruby", ".rs": "text/x-rust", ".rst": "text/x-rst", ".scala": "text/x-scala",
    ".sh": "text/x-sh", ".sql": "text/x-sql", ".swift": "text/x-swift", ".toml": "text/x-toml",
    ".ts": "text/x-typescript", ".tsx": "text/x-tsx", ".txt": "text/plain", ".yaml": "text/x-yaml",
    ".yml": "text/x-yaml",
}  # fmt: skip
_BY_START = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)
_SHEBANGS = {"python": "text/x-python", "sh": "text/x-sh", "bash": "text/x-sh", "node": "text/javascript"}


def media_type_of(name: str, data: bytes = b"") -> str:
    """Guess a media type; text of unknown kind is ``text/plain``."""
    for start, kind in _BY_START:
        if data.startswith(start):
            return kind
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if data.startswith(b"#!"):
        command = data[2:100].split(b"\n")[0].decode("utf-8", "replace").split("/")[-1].split()
        for word in reversed(command):
            if (kind := _SHEBANGS.get(word.rstrip("0123456789."), "")) != "":
                return kind
    guessed = mimetypes.guess_type(name)[0] or "text/plain"
    return (
        guessed if guessed.split("/")[0] in ("image", "audio", "video", "font") else _text_or_known(guessed)
    )


def _text_or_known(guessed: str) -> str:
    binary = (
        "application/pdf",
        "application/zip",
        "application/vnd.",
        "application/msword",
        "application/gzip",
    )
    return guessed if guessed.startswith(binary) else "text/plain"
