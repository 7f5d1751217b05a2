"""What a file holds, by its content first and its name second.

A signature in the bytes beats the name: a PDF called ``notes.txt`` is a PDF. Text has
no signature, so there the suffix decides, and a file without a telling suffix is read
a little.
"""

from __future__ import annotations

import io
import json
import mimetypes
import re
import zipfile
from pathlib import PurePosixPath

_BY_SUFFIX = {
    ".bash": "text/x-sh", ".c": "text/x-c", ".cc": "text/x-c++", ".cpp": "text/x-c++", ".cs": "text/x-csharp",
    ".css": "text/css", ".csv": "text/csv", ".cxx": "text/x-c++", ".eml": "message/rfc822",
    ".go": "text/x-go", ".h": "text/x-c", ".hpp": "text/x-c++", ".htm": "text/html", ".html": "text/html",
    ".ipynb": "application/x-ipynb+json", ".java": "text/x-java", ".js": "text/javascript",
    ".json": "text/x-json", ".jsonl": "application/jsonl", ".jsx": "text/javascript",
    ".kt": "text/x-kotlin", ".kts": "text/x-kotlin", ".lua": "text/x-lua", ".markdown": "text/markdown",
    ".md": "text/markdown", ".mdx": "text/markdown", ".mjs": "text/javascript",
    ".ndjson": "application/jsonl", ".php": "text/x-php", ".py": "text/x-python", ".pyi": "text/x-python",
    ".rb": "text/x-ruby", ".rs": "text/x-rust", ".rst": "text/x-rst", ".scala": "text/x-scala",
    ".sh": "text/x-sh", ".sql": "text/x-sql", ".srt": "application/x-subrip", ".swift": "text/x-swift",
    ".toml": "text/x-toml", ".ts": "text/x-typescript", ".tsv": "text/tab-separated-values",
    ".tsx": "text/x-tsx", ".txt": "text/plain", ".vtt": "text/vtt", ".xhtml": "application/xhtml+xml",
    ".yaml": "text/x-yaml", ".yml": "text/x-yaml",
}  # fmt: skip
_BY_START = (
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x7fELF", "application/x-executable"),
    (b"WEBVTT", "text/vtt"),
    (b"\xef\xbb\xbfWEBVTT", "text/vtt"),
)
_OFFICE = "application/vnd.openxmlformats-officedocument"
_BY_MEMBER = {
    "word/document.xml": f"{_OFFICE}.wordprocessingml.document",
    "xl/workbook.xml": f"{_OFFICE}.spreadsheetml.sheet",
    "ppt/presentation.xml": f"{_OFFICE}.presentationml.presentation",
    "META-INF/container.xml": "application/epub+zip",
}
_ZIPPED = dict(zip((".docx", ".xlsx", ".pptx", ".epub"), _BY_MEMBER.values(), strict=True))
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_SHEBANGS = {"python": "text/x-python", "sh": "text/x-sh", "bash": "text/x-sh", "node": "text/javascript"}
_READ = 4096
_PDF = re.compile(rb"%PDF-\d")
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:!doctype\s+html|html)\b", re.I | re.S
)
_SRT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\d+\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> \d\d:\d\d:\d\d")
_MAIL = re.compile(
    rb"(?:From |(?:Received|Return-Path|Delivered-To|MIME-Version|Message-ID|From|Subject|X-[\w-]+): )", re.I
)
_MAIL_HEADER = re.compile(rb"^(?:From|To|Subject|Date|Message-ID|MIME-Version|Received): ", re.I | re.M)
_FEWEST_HEADERS = 3
_NOTEBOOK = re.compile(rb'"nbformat"\s*:')
_KNOWN_BINARY = (
    "application/pdf",
    "application/zip",
    "application/vnd.",
    "application/msword",
    "application/gzip",
    "application/x-tar",
    "image/",
    "audio/",
    "video/",
    "font/",
)  # fmt: skip


def media_type_of(name: str, data: bytes = b"") -> str:
    """Guess a media type; text of unknown kind is ``text/plain``."""
    suffix = PurePosixPath(name).suffix.lower()
    if signed := _by_signature(data):
        return _ZIPPED.get(suffix, signed) if signed == "application/zip" and _is_cut_off(data) else signed
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if shebang := _by_shebang(data):
        return shebang
    guessed = mimetypes.guess_type(name)[0] or ""
    if guessed.startswith(_KNOWN_BINARY):
        return guessed if not data or _is_binary(data[:_READ]) else "text/plain"
    return _by_look(data) or "text/plain"


def _is_binary(head: bytes) -> bool:
    """Tell bytes from text: what has the name of an office file, a picture or a PDF may be either."""
    if b"\0" in head:
        return True
    try:
        head[: len(head) - 4 * (len(head) == _READ)].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start < len(head) - 8
    return False


def _by_signature(data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        return _kind_of_zip(data)
    if data.startswith(_OLE):
        encrypted = _ENCRYPTED_STREAM in data
        return "application/vnd.ms-office-encrypted" if encrypted else "application/x-ole-storage"
    for start, kind in _BY_START:
        if data.startswith(start):
            return kind
    if data[257:262] == b"ustar":
        return "application/x-tar"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    # Readers accept a PDF whose header follows within the first kilobyte; text may speak of it, though.
    head = data[:1024]
    match = _PDF.search(head)
    return "application/pdf" if match and (match.start() == 0 or b"\0" in head or b" obj" in head) else ""


def _kind_of_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        names = {member for member in _BY_MEMBER if member.encode() in data}
    return next((kind for member, kind in _BY_MEMBER.items() if member in names), "application/zip")


def _is_cut_off(data: bytes) -> bool:
    """Tell a zip without its directory, which is at its end: what is in it does not show its kind."""
    return not zipfile.is_zipfile(io.BytesIO(data))


def _by_shebang(data: bytes) -> str:
    if not data.startswith(b"#!"):
        return ""
    command = data[2:100].split(b"\n")[0].decode("utf-8", "replace").split("/")[-1].split()
    kinds = (_SHEBANGS.get(word.rstrip("0123456789."), "") for word in reversed(command))
    return next((kind for kind in kinds if kind), "")


def _by_look(data: bytes) -> str:
    head = data[:_READ]
    if _HTML.match(head):
        return "text/html"
    if _SRT.match(head):
        return "application/x-subrip"
    if _MAIL.match(head) and len(set(_MAIL_HEADER.findall(head))) >= _FEWEST_HEADERS:
        return "message/rfc822"
    return _kind_of_json(data) if head.lstrip()[:1] in (b"{", b"[") else ""


def _kind_of_json(data: bytes) -> str:
    if _NOTEBOOK.search(data[:_READ]) or _NOTEBOOK.search(data[-_READ:]):
        return "application/x-ipynb+json"
    lines = [line for line in data[: 1 << 20].split(b"\n")[:2] if line.strip()]
    if len(lines) == 2 and all(_is_object(line) for line in lines):
        return "application/jsonl"
    return ""


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
