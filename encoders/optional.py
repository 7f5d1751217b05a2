"""The one door through which optional libraries come in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from encoders.errors import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module``, or name the command that installs it.

    Raises:
        MissingDependencyError: the library is not installed. A library that is
            there but broken raises its own ImportError instead.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise MissingDependencyError(
            f"{module} is not installed; run: pip install 'longdoc-retriever[{extra}]'",
            module=module,
            extra=extra,
        ) from error
