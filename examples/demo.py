"""Index a real corpus and ask it three questions: what `make demo` runs.

    python examples/demo.py [FOLDER] [QUESTION ...]

Without a folder it takes part of the standard library of the running interpreter:
every module up to 8 kB, and some long ones by name (argparse, statistics, shutil and
others). The store stays in `.demo/`, so a second run embeds only what changed, and
`longdoc search --store .demo/store --collection library "..."` goes on asking.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import time
from pathlib import Path

from rich.console import Console

from retriever import Retriever
from retriever.display import print_report, print_result, progress_bar

HOME = Path(".demo")
SHORT_BYTES = 8_000
LONG = {"argparse", "heapq", "shlex", "shutil", "statistics", "tempfile"}
LEFT_OUT = {"__pycache__", "encodings", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages"}
LEFT_OUT |= {"test", "tests", "turtledemo"}
QUESTIONS = (
    "parse command line options",
    "split a shell command line safely",
    "find the median of grouped data",
)


def main(arguments: list[str]) -> None:
    """Index, ask, and say how long it took."""
    console = Console()
    folder = Path(arguments[0]) if arguments else copy_of_standard_library()
    started = time.perf_counter()
    with Retriever.open(HOME / "store", collection="corpus" if arguments else "library") as retriever:
        with progress_bar() as progress:
            report = retriever.index([folder], progress=progress)
        print_report(report)
        for question in arguments[1:] or questions(retriever, own=bool(arguments)):
            console.rule(question, align="left")
            print_result(retriever.search(question, limit=3, evidence=1))
    console.print(f"{time.perf_counter() - started:.0f} s in all")


def copy_of_standard_library() -> Path:
    """Copy the modules that the demo indexes into one folder."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        name = path.relative_to(library)
        wanted = path.stat().st_size <= SHORT_BYTES or name.stem in LONG
        if wanted and not LEFT_OUT & set(name.parts):
            target = HOME / "library" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return HOME / "library"


def questions(retriever: Retriever, *, own: bool) -> tuple[str, ...]:
    """Return the three questions; for a corpus of the user's, titles of its documents."""
    if not own:
        return QUESTIONS
    titles = [info.title for info in retriever.list()]
    return tuple(titles[round(place * (len(titles) - 1))] for place in (0.0, 0.5, 1.0))


if __name__ == "__main__":
    main(sys.argv[1:])
