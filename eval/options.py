"""Options that several verbs of ``longdoc eval`` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)

_STORE = click.option(
    "--store",
    type=NEW_FOLDER,
    default=Path("longdoc-store"),
    envvar="LONGDOC_STORE",
    show_default=True,
    help="Folder of the store.",
)
_COLLECTION = click.option("--collection", default="default", envvar="LONGDOC_COLLECTION", show_default=True)
ENCODER = click.option(
    "--encoder",
    default="bundled",
    envvar="LONGDOC_ENCODER",
    show_default=True,
    help="'bundled', or a model's folder.",
)


def distractor_options(command: Command) -> Command:
    """Add the options that put other files beside the data: ``distractors`` and ``distractor_files``."""
    folders = click.option(
        "--distractors",
        multiple=True,
        type=FOLDER,
        help="Folder of files that answer nothing, such as installed packages; may be repeated.",
    )
    count = click.option(
        "--distractor-files",
        type=click.IntRange(min=1),
        default=20_000,
        show_default=True,
        help="So many of them, by hash.",
    )
    return folders(count(command))


def store_options(command: Command) -> Command:
    """Add the options that name a collection: ``store``, ``collection`` and ``encoder``."""
    return _STORE(_COLLECTION(ENCODER(command)))
