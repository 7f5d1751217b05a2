"""Collections can be looked at, made empty, and deleted, in process and through the store's process."""

from __future__ import annotations

import pytest

from indexers.errors import CollectionNotFoundError, FingerprintMismatchError
from retriever import Retriever
from tests.support import stop_owner


@pytest.mark.parametrize("in_process", [True, False])
def test_a_collection_is_made_described_and_dropped(store_path, topics, in_process):
    with Retriever.open(store_path, collection="c", encoder="hash:16", in_process=in_process) as retriever:
        with pytest.raises(CollectionNotFoundError):
            retriever.describe()
        empty = retriever.create()
        assert (empty.name, empty.encoder, empty.dim, empty.documents) == ("c", "hash", 16, 0)
        retriever.add(topics)
        full = retriever.describe()
        assert (full.documents, full.incomplete) == (4, 0)
        assert full.segments >= 4
        assert full.characters == sum(len(document.text) for document in topics)
        assert full.fields["metadata.length"] == ("number",)
        assert retriever.create() == full
        retriever.drop()
        assert retriever.collections() == ()
        with pytest.raises(CollectionNotFoundError):
            retriever.drop()
        assert retriever.create() == empty
    stop_owner(store_path)


def test_a_collection_is_not_made_anew_for_another_encoder(store_path):
    with Retriever.open(store_path, encoder="hash:16", in_process=True) as retriever:
        retriever.create()
    with (
        Retriever.open(store_path, encoder="hash:32", in_process=True) as other,
        pytest.raises(FingerprintMismatchError),
    ):
        other.create()
