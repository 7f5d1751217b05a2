"""Guesses the media type of a document of a data set, which brings no headers along."""

from __future__ import annotations

from pathlib import PurePosixPath

_BY_SUFFIX = {
    ".c": "text/x-c",
    ".cc": "text/x-c++",
    ".cpp": "text/x-c++",
    ".cs": "text/x-csharp",
    ".go": "text/x-go",
    ".h": "text/x-c",
    ".hpp": "text/x-c++",
    ".html": "text/html",
    ".java": "text/x-java",
    ".js": "text/javascript",
    ".jsx": "text/javascript",
    ".kt": "text/x-kotlin",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".php": "text/x-php",
    ".py": "text/x-python",
    ".rb": "text/x-ruby",
    ".rs": "text/x-rust",
    ".rst": "text/x-rst",
    ".scala": "text/x-scala",
    ".sh": "text/x-shellscript",
    ".swift": "text/x-swift",
    ".ts": "text/x-typescript",
    ".tsx": "text/x-typescript",
}


def media_type(*names: str) -> str:
    """Return the type that the first name with a known suffix tells, else ``text/plain``."""
    for name in names:
        found = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
        if found:
            return found
    return "text/plain"
