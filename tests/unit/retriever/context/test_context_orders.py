from __future__ import annotations

import pytest

from retriever.context.orders import edge_position, lay_out


@pytest.mark.parametrize(
    ("count", "reading"),
    [
        (0, []),
        (1, [1]),
        (2, [1, 2]),
        (3, [1, 3, 2]),
        (4, [1, 3, 4, 2]),
        (5, [1, 3, 5, 4, 2]),
        (6, [1, 3, 5, 6, 4, 2]),
        (7, [1, 3, 5, 7, 6, 4, 2]),
    ],
)
def test_edges_puts_the_best_first_the_second_last_and_the_worst_in_the_middle(count, reading):
    ranked = list(range(1, count + 1))
    assert lay_out(ranked, "edges", [(0, 0)] * count) == reading


def test_the_place_of_a_rank_is_that_of_the_published_formula():
    assert [edge_position(rank, 6) for rank in range(1, 7)] == [1, 6, 2, 5, 3, 4]
    assert [edge_position(rank, 5) for rank in range(1, 6)] == [1, 5, 2, 4, 3]


def test_document_order_keeps_documents_by_their_best_part_and_reads_each_from_the_top():
    ranked = ["b2", "a3", "b1", "a1", "c1"]
    places = [(1, 20), (0, 30), (1, 10), (0, 10), (2, 0)]
    assert lay_out(ranked, "document", places) == ["b1", "b2", "a1", "a3", "c1"]


def test_score_order_is_the_order_given():
    assert lay_out(["x", "y"], "score", [(0, 9), (0, 1)]) == ["x", "y"]
