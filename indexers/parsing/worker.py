"""The parser process: a program that reads requests on its input and answers on its output.

It is started as a program of its own, never forked, limits its own memory and core
files first, and knows nothing of the store. A message is a line of JSON that states
the length of the bytes that follow it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from encoders.errors import MissingDependencyError
from encoders.types import Mark, Span
from indexers.parsing.formats import read
from indexers.parsing.types import Parsed, ParseLimits, ParseOptions, Source, UnparsableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

READY = b"ready\n"


def main() -> None:
    """Answer requests until the input ends."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers.write(READY)
    answers.flush()
    while line := sys.stdin.buffer.readline():
        header = json.loads(line)
        data = sys.stdin.buffer.read(header.pop("bytes"))
        answer, text = _answer(header, data)
        del data
        send(answers, answer, text)


def request(source: Source, options: ParseOptions) -> bytes:
    """Return the header of a request; the source's bytes follow it."""
    header = {
        "bytes": len(source.data),
        "name": source.name,
        "media_type": source.media_type,
        "depth": source.depth,
        "options": asdict(options),
    }
    return json.dumps(header).encode() + b"\n"


def send(stream: BinaryIO, header: Mapping[str, Any], body: bytes) -> None:
    """Write one message."""
    stream.write(json.dumps({**header, "bytes": len(body)}).encode() + b"\n")
    stream.write(body)
    stream.flush()


def received(header: Mapping[str, Any], body: bytes) -> Parsed:
    """Return what an answer says.

    Raises:
        UnparsableError: it says that there is no text.
        MissingDependencyError: a library is missing.
    """
    if "missing" in header:
        raise MissingDependencyError(header["missing"], **header["details"])
    if "unparsable" in header:
        raise UnparsableError(header["unparsable"])
    return Parsed(
        text=body.decode("utf-8", "surrogatepass"),
        marks=tuple(
            Mark(kind, Span(start, end), value, level) for kind, start, end, value, level in header["marks"]
        ),
        title=header["title"],
        notes=tuple(header["notes"]),
        media_type=header["media_type"],
    )


def _answer(header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    options = dict(header["options"])
    limits = ParseLimits(**options.pop("limits"))
    source = Source(data=data, name=header["name"], media_type=header["media_type"], depth=header["depth"])
    try:
        parsed = read(source, ParseOptions(limits=limits, **options))
    except UnparsableError as error:
        return {"unparsable": str(error)}, b""
    except MissingDependencyError as error:
        return {"missing": str(error), "details": error.details}, b""
    except MemoryError:
        return {"unparsable": f"reading it needs more than {limits.memory_bytes >> 20:,} MiB of memory"}, b""
    except RecursionError:
        return {"unparsable": "damaged: nested too deeply"}, b""
    except Exception as error:  # a library may raise anything on bytes that nobody vouches for
        return {"unparsable": f"damaged: the parser stopped with {type(error).__name__}: {error}"[:500]}, b""
    marks = [[mark.kind, mark.span.start, mark.span.end, mark.value, mark.level] for mark in parsed.marks]
    facts = {"marks": marks, "title": parsed.title, "notes": parsed.notes, "media_type": parsed.media_type}
    return facts, parsed.text.encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    main()
