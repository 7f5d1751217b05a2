"""Text in pictures, read by the system's tesseract when it is asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from indexers.parsing.builder import TextBuilder
from indexers.parsing.types import UnparsableError

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions, Source

_PROGRAM = "tesseract"
_LANGUAGES = re.compile(r"[A-Za-z_]{2,20}(?:\+[A-Za-z_]{2,20}){0,9}")


def parse_picture(source: Source, options: ParseOptions) -> Parsed:
    """Read a picture of text; everything is marked ``recognised``."""
    if not options.ocr:
        raise UnparsableError("a picture; switch OCR on to read it")
    text = recognise(source.data, options.ocr_languages)
    if not text.strip():
        raise UnparsableError("a picture in which OCR found no text")
    builder = TextBuilder(options.limits.characters)
    builder.write(text)
    builder.mark("recognised", 0, _PROGRAM)
    return builder.parsed()


def recognise_pixels(rows: bytes, width: int, height: int, languages: str) -> str:
    """Read a grey picture, one byte a pixel, rows from the top without padding."""
    return recognise(b"P5\n%d %d\n255\n" % (width, height) + rows, languages)


def recognise(picture: bytes, languages: str) -> str:
    """Read a picture in any form that tesseract knows.

    Raises:
        UnparsableError: tesseract is not there or fails; the reason says which.
    """
    if _LANGUAGES.fullmatch(languages) is None:
        raise UnparsableError(f"OCR languages are written like eng+deu, not {languages!r}")
    program = shutil.which(_PROGRAM)
    if program is None:
        raise UnparsableError(
            "OCR needs tesseract, which is not installed; run: apt-get install tesseract-ocr"
        )
    done = subprocess.run(
        [program, "stdin", "stdout", "-l", languages], input=picture, capture_output=True, check=False
    )
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UnparsableError(f"OCR failed: {reason[-1] if reason else f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace").replace("\f", "\n").strip("\n") + "\n"
