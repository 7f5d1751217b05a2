"""What the doctor reports. Standard library only, so that callers of a store's process share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Problem: TypeAlias = Literal[
    "text_damaged", "text_differs", "tiles", "vectors", "orphan_segments", "lost_point", "lost_version_text"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        problem: kind of the finding.
        document_id: the document it is about; empty when it is about none.
        detail: what was found, with numbers.
        remedy: what mends it.
    """

    problem: Problem
    document_id: str
    detail: str
    remedy: Literal["sweep", "embed_again", "index_again", "forget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was checked and what was found.

    Attributes:
        documents: documents checked, text, tiles and vectors.
        segments: live segments checked.
        versions: earlier versions whose text was checked.
    """

    documents: int
    segments: int
    versions: int
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def healthy(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings
