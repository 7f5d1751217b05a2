"""Bytes to documents, format by format.

`FileParser` turns bytes into a `Document` with canonical text and exact structure, or
into a `Skipped` with a reason; nothing is passed over without a word. Formats whose
bytes steer a library or a container are read in a process of their own with bounded
time and memory (`indexers.parsing.worker`). A new format is one module with one
function (`indexers.parsing.protocols.Parser`) and one line in
`indexers.parsing.formats`.
"""

from __future__ import annotations

from indexers.parsing.file_parser import FileParser, parse, parse_file
from indexers.parsing.folders import find_files, survey
from indexers.parsing.plain import decode
from indexers.parsing.types import FoundFile, ParseLimits, ParseOptions, Skipped

__all__ = [
    "FileParser",
    "FoundFile",
    "ParseLimits",
    "ParseOptions",
    "Skipped",
    "decode",
    "find_files",
    "parse",
    "parse_file",
    "survey",
]
