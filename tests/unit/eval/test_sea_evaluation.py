from __future__ import annotations

import numpy as np

from encoders.fake import HashEncoder
from encoders.segmentation import DocumentSegmenter, SegmenterConfig
from eval.code_pairs import Pair
from eval.sea_data import encode_pairs
from eval.sea_evaluation import all_ways, compare_ways, fused, length_groups, ranks, segment_scores
from eval.sea_tables import ways_table


def pairs(count):
    return [
        Pair(
            id=str(n),
            query=f"find thing{n} in here",
            text=" ".join(["filler"] * 10 * n + [f"thing{n}"]),
            project="p",
            path="a.txt",
        )
        for n in range(count)
    ]


def encode(count=6):
    encoder = HashEncoder()
    config = SegmenterConfig(max_tokens=16, context_tokens=0)
    return encode_pairs(pairs(count), encoder, DocumentSegmenter(encoder.tokenizer, config), truncated=True)


def test_every_text_is_cut_alike_and_keeps_its_segments_apart():
    encoded = encode()
    assert [len(segments) for segments in encoded.segments] == [-(-(10 * n + 1) // 14) for n in range(6)]
    assert encoded.tokens.tolist() == [10 * n + 1 for n in range(6)]
    assert encoded.truncated.shape == (6, 64)


def test_ties_count_against_the_right_text():
    assert ranks(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [3.0, 2.0, 1.0]])).tolist() == [2, 1, 3]


def test_segments_are_scored_by_their_best_or_by_the_mean_of_the_best():
    encoded = encode()
    cosines = encoded.segments[5] @ encoded.queries[5]
    assert np.isclose(segment_scores(encoded, 1)[5, 5], cosines.max())
    assert np.isclose(segment_scores(encoded, 3)[5, 5], np.sort(cosines)[-3:].mean())


def test_fusion_standardises_within_a_query_and_survives_equal_scores():
    wide, flat = np.array([[0.0, 10.0]]), np.array([[5.0, 5.0]])
    np.testing.assert_allclose(fused([(0.5, wide), (0.5, flat)]), [[-0.5, 0.5]])


def test_every_way_is_compared_with_every_other_by_length():
    encoded = encode()
    ways = all_ways(encoded, None)
    figures = compare_ways(ways, encoded)
    overall = {one.way: one for one in figures if one.group == "all"}
    assert overall.keys() == ways.keys()
    assert overall["BM25"].mrr.mean == 1.0
    assert set(overall["BM25"].against) == ways.keys() - {"BM25"}
    assert {one.group for one in figures} == {"all", "up to 256 tokens"}
    assert sum(len(rows) for rows in length_groups(encoded).values()) == len(encoded)


def test_the_table_sets_every_way_against_truncation_and_against_the_mean():
    encoded = encode()
    table = ways_table(compare_ways(all_ways(encoded, None), encoded))
    cells = {column.header: list(column.cells) for column in table.columns}
    ways = cells["way"][:7]
    assert cells["MRR less first 256 tokens"][ways.index("first 256 tokens")] == "-"
    assert cells["MRR less mean"][ways.index("mean")] == "-"
    assert cells["MRR less mean"][ways.index("BM25")].startswith("+")
