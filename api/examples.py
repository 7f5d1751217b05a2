"""An example of each request body, shown in the OpenAPI document.

They tell one story, and a test sends them in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ID = "emea/msa-2021.txt"
_QUESTION = "who pays for termination for convenience?"
_WORDS = "If Customer terminates for convenience, Customer bears the costs of winding down."

REQUESTS: Final[Mapping[str, Any]] = {
    "add_documents": {"documents": [{"id": _ID, "text": f"9.3 {_WORDS}", "metadata": {"year": 2021}}]},
    "put_document": {"title": "Master Services Agreement", "text": f"9.3 {_WORDS}"},
    "patch_document": {"metadata": {"counterparty": "Acme GmbH", "year": 2021}},
    "search": {
        "query": _QUESTION,
        "limit": 5,
        "filter": {"metadata.year": {"$gte": 2021}},
        "facets": [{"field": "metadata.counterparty"}],
        "explain": True,
    },
    "give_feedback": {"request_id": "req_01", "document_id": _ID, "useful": True},
    "explain": {"query": _QUESTION, "document_id": _ID},
    "facets": {"facets": [{"field": "metadata.year", "limit": 20}], "filter": None},
    "context": {"query": _QUESTION, "max_tokens": 2_000, "order": "edges", "expand": "section"},
    "verify": {
        "answer": f'The customer does: "{_WORDS}" [1]',
        "citations": [{"n": 1, "document_id": _ID, "version": 1, "start": 0, "end": 85}],
    },
    "save_profile": {"weights": {"segment_dense": 0.5, "document_lexical": 0.5}, "evidence_lexical": 0.4},
    "embeddings": {"model": "default", "input": ["who pays the rent?"], "encoding_format": "float"},
    "rerank_v1": {"model": "default", "query": "sea", "documents": ["a meadow", "the open sea"], "top_n": 1},
    "rerank_v2": {"model": "default", "query": "sea", "documents": ["a meadow", "the open sea"], "top_n": 1},
    "embed_v2": {"model": "default", "input_type": "search_document", "texts": ["The tide rises."]},
    "embed": {"texts": ["The tide rises twice a day."], "kind": "document"},
    "score": {"query": "when does the tide rise?", "texts": ["The tide rises twice a day."]},
    "estimate": {"folder": "/data/contracts"},
    "sync_folder": {"folder": "/data/contracts"},
    "set_alias": {"collection": "examples"},
    "delete_documents": {"filter": {"metadata.year": {"$lt": 2022}}},
}
"""Bodies by the id of their operation."""


def show_examples(document: Mapping[str, Any]) -> None:
    """Put the examples into an OpenAPI document."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if (example := REQUESTS.get(operation["operationId"])) is not None:
                operation["requestBody"]["content"]["application/json"]["example"] = example
