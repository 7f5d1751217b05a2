"""Tell which language a source file is written in, by its name, its media type and its content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from encoders.types import Document

_EXTENSIONS: Final[dict[str, str]] = {
    "bash": "sh bash zsh ksh bats",
    "c": "c h",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp tpp cu cuh",
    "csharp": "cs csx",
    "css": "css",
    "dart": "dart",
    "dockerfile": "dockerfile",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fortran": "f90 f95 f03 f08",
    "go": "go",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "hcl": "hcl tf tfvars",
    "html": "html htm xhtml",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "json": "json jsonc geojson ipynb webmanifest",
    "julia": "jl",
    "kotlin": "kt kts",
    "lua": "lua",
    "make": "mk mak",
    "markdown": "md markdown mdx",
    "nix": "nix",
    "objc": "m mm",
    "ocaml": "ml",
    "perl": "pl pm",
    "php": "php phtml",
    "powershell": "ps1 psm1",
    "proto": "proto",
    "python": "py pyi pyw pyx pxd",
    "r": "r",
    "ruby": "rb rake gemspec",
    "rust": "rs",
    "scala": "scala sc sbt",
    "scss": "scss",
    "solidity": "sol",
    "sql": "sql ddl dml",
    "svelte": "svelte",
    "swift": "swift",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "vue": "vue",
    "xml": "xml xsd xsl xslt svg plist",
    "yaml": "yaml yml",
    "zig": "zig",
}
LANGUAGE_OF_EXTENSION: Final = {
    extension: language for language, extensions in _EXTENSIONS.items() for extension in extensions.split()
}
_LANGUAGE_OF_NAME: Final = {
    "bashrc": "bash",
    "bash_profile": "bash",
    "build": "python",
    "cmakelists.txt": "cmake",
    "containerfile": "dockerfile",
    "dockerfile": "dockerfile",
    "gemfile": "ruby",
    "gnumakefile": "make",
    "jenkinsfile": "groovy",
    "makefile": "make",
    "pipfile": "toml",
    "profile": "bash",
    "rakefile": "ruby",
    "sconstruct": "python",
    "vagrantfile": "ruby",
    "wscript": "python",
    "zshrc": "bash",
}
_LANGUAGE_OF_INTERPRETER: Final = {
    "bash": "bash",
    "dash": "bash",
    "deno": "typescript",
    "ksh": "bash",
    "lua": "lua",
    "node": "javascript",
    "perl": "perl",
    "php": "php",
    "python": "python",
    "ruby": "ruby",
    "sh": "bash",
    "zsh": "bash",
}
_LANGUAGE_OF_MEDIA: Final = {
    "application/ecmascript": "javascript",
    "application/javascript": "javascript",
    "application/json": "json",
    "application/sql": "sql",
    "application/toml": "toml",
    "application/typescript": "typescript",
    "application/x-httpd-php": "php",
    "application/x-javascript": "javascript",
    "application/x-php": "php",
    "application/x-ruby": "ruby",
    "application/x-sh": "bash",
    "application/x-shellscript": "bash",
    "application/x-typescript": "typescript",
    "application/x-yaml": "yaml",
    "application/xml": "xml",
    "application/yaml": "yaml",
    "text/css": "css",
    "text/html": "html",
    "text/javascript": "javascript",
    "text/jsx": "javascript",
    "text/tsx": "tsx",
    "text/typescript": "typescript",
    "text/x-c++": "cpp",
    "text/x-c++hdr": "cpp",
    "text/x-c++src": "cpp",
    "text/x-chdr": "c",
    "text/x-csrc": "c",
    "text/x-java-source": "java",
    "text/x-script.python": "python",
    "text/x-sh": "bash",
    "text/x-shellscript": "bash",
    "text/xml": "xml",
    "text/yaml": "yaml",
}
_NOT_CODE: Final = frozenset({"markdown"})
_TAGGED: Final = frozenset({"html", "svelte", "vue", "xml"})
_UNTYPED: Final = frozenset({"", "application/octet-stream", "text/plain"})
_PROSE_MEDIA: Final = frozenset({"application/pdf", "text/markdown", "text/x-markdown", "text/x-rst"})
_CPP_SIGNS: Final = re.compile(
    r"^[ \t]*(?:class\s+\w|namespace\s*[\w{]|template\s*<|using\s+\w|(?:public|private|protected)\s*:)"
    r"|#include\s*<\w+>",
    re.MULTILINE,
)
_MATLAB_SIGNS: Final = re.compile(r"^[ \t]*(?:function\b|%)", re.MULTILINE)
_READ_CHARACTERS: Final = 4096


def detect_language(name: str, text: str = "", media_type: str = "") -> str | None:
    """Name the language of a source file as tree-sitter grammars are named.

    Args:
        name: file name, path or URL; may be empty.
        text: its content, of which only the beginning is read.
        media_type: MIME type; one that names no language is no evidence.

    Returns:
        None for prose, Markdown and everything unknown.
    """
    language = _by_name(name, text) or _by_media(media_type) or _by_interpreter(text)
    return None if language in _NOT_CODE else language


def code_language(document: Document) -> str | None:
    """Return the language of a document that is source code, None if it is none.

    HTML and XML count as code only where the text still holds the tags.
    """
    kind = document.media_type.partition(";")[0].strip().lower()
    if kind in _PROSE_MEDIA:
        return None
    by_media = _by_media(kind)
    name = document.source or document.title or document.id
    language = detect_language(name, document.text, kind) if by_media or kind in _UNTYPED else None
    if language in _TAGGED and not document.text[:_READ_CHARACTERS].lstrip().startswith("<"):
        return None
    return language


def _by_name(name: str, text: str) -> str | None:
    file = re.split(r"[/\\]", name.split("?")[0].split("#")[0])[-1].lower()
    if file.lstrip(".") in _LANGUAGE_OF_NAME:
        return _LANGUAGE_OF_NAME[file.lstrip(".")]
    stem, dot, extension = file.rpartition(".")
    if not dot or not stem:
        return None
    language = "dockerfile" if stem == "dockerfile" else LANGUAGE_OF_EXTENSION.get(extension)
    head = text[:_READ_CHARACTERS]
    if extension == "h" and _CPP_SIGNS.search(head):
        return "cpp"
    if extension == "m" and _MATLAB_SIGNS.search(head):
        return "matlab"
    return language


def _by_media(media_type: str) -> str | None:
    kind = media_type.partition(";")[0].strip().lower()
    if kind in _LANGUAGE_OF_MEDIA:
        return _LANGUAGE_OF_MEDIA[kind]
    subtype = kind.removeprefix("text/x-") if kind.startswith("text/x-") else ""
    return subtype if subtype in _EXTENSIONS else LANGUAGE_OF_EXTENSION.get(subtype)


def _by_interpreter(text: str) -> str | None:
    if not text.startswith("#!"):
        return None
    words = text[2:200].split("\n", 1)[0].split()
    names = (word.rpartition("/")[2] for word in words if not word.startswith("-"))
    program = next((name for name in names if name != "env"), "")
    return _LANGUAGE_OF_INTERPRETER.get(program.rstrip("0123456789."))
