import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoders.config import EncoderConfig
from encoders.coverage import measure_coverage
from encoders.errors import EmptySpanError, InvalidInputError, ModelError
from encoders.extension import (
    Extension,
    ntk_frequencies,
    parse_extension,
    position_ids,
    query_scale,
    yarn_frequencies,
)
from encoders.fake import HashEncoder
from encoders.inputs import require_texts, token_batches
from encoders.late_chunking import late_chunk
from encoders.model_folder import read_folder
from encoders.pooling import normalize, owners, pool_spans, soft_pool, truncate_dim
from encoders.processor import fast_dtype, processor_flags, quota_cores, usable_cores
from encoders.types import Span, TokenEmbeddings, TokenSpans
from encoders.windows import overlapping_windows, plain_windows

values = st.lists(st.floats(-3, 3), min_size=1, max_size=9)


@given(values=values)
def test_soft_pooling_runs_from_the_maximum_to_the_mean(values):
    assert soft_pool(values, temperature=0.0) == np.float32(max(values))
    assert math.isclose(soft_pool(values, temperature=1e-9), max(values), abs_tol=1e-5)
    assert math.isclose(soft_pool(values, temperature=math.inf), np.mean(values), abs_tol=1e-5)
    between = soft_pool(values, temperature=0.5)
    assert np.mean(values) - 1e-5 <= between <= max(values) + 1e-5


def test_soft_pooling_of_vectors_takes_each_number_by_itself():
    pooled = soft_pool([[1.0, -2.0], [0.0, 4.0]], temperature=1.0)
    weight = math.e / (math.e + 1)
    assert np.allclose(pooled, [weight, (4 * math.exp(4) - 2 * math.exp(-2)) / (math.exp(4) + math.exp(-2))])
    with pytest.raises(InvalidInputError, match="at least 0, got -1"):
        soft_pool([1.0], temperature=-1.0)
    with pytest.raises(InvalidInputError, match="no segments"):
        soft_pool([], temperature=1.0)


def test_normalizing_keeps_zero_rows_and_tiny_ones():
    rows = normalize([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]])
    assert np.allclose(rows, [[0.6, 0.8], [0, 0], [1, 0]])


def test_matryoshka_keeps_the_first_numbers_at_unit_length():
    assert np.allclose(truncate_dim(np.array([[3.0, 4.0, 9.0]], dtype=np.float32), 2), [[0.6, 0.8]])
    with pytest.raises(InvalidInputError, match="gives 3 dimensions, 4 were asked for"):
        truncate_dim(np.ones((1, 3), dtype=np.float32), 4)


@given(tokens=st.integers(0, 300), size=st.integers(2, 40), data=st.data())
def test_overlapping_windows_own_every_token_once_with_context_on_both_sides(tokens, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    windows = overlapping_windows(tokens, size=size, overlap=overlap)
    owned = [token for window in windows for token in range(window.own_start, window.own_end)]
    assert owned == list(range(tokens))
    for window in windows:
        assert window.start <= window.own_start < window.own_end <= window.end <= tokens
        assert window.end - window.start == min(size, tokens)
        assert window.own_start == 0 or window.own_start - window.start >= overlap // 2
        assert window.own_end == tokens or window.end - window.own_end >= overlap // 2


@given(tokens=st.integers(0, 300), size=st.integers(1, 40))
def test_plain_windows_cover_a_text_and_all_are_full(tokens, size):
    windows = plain_windows(tokens, size=size)
    assert {token for a, b in windows for token in range(a, b)} == set(range(tokens))
    assert all(b - a == min(size, tokens) for a, b in windows)
    assert len(windows) == -(-tokens // size)


@given(lengths=st.lists(st.integers(0, 50), max_size=30), budget=st.integers(1, 90))
def test_batches_hold_the_budget_and_every_text_with_tokens_once(lengths, budget):
    batches = list(token_batches(lengths, budget=budget))
    assert sorted(place for batch in batches for place in batch) == [i for i, n in enumerate(lengths) if n]
    for batch in batches:
        assert len(batch) == 1 or sum(lengths[place] for place in batch) <= budget


def test_a_bare_string_and_a_lone_surrogate_are_refused():
    with pytest.raises(TypeError, match="got one string; wrap it in a list"):
        require_texts("text")
    with pytest.raises(TypeError, match=r"texts\[1\] is int"):
        require_texts(["a", 3])
    with pytest.raises(InvalidInputError, match=r"texts\[0\] holds a lone surrogate at character 2"):
        require_texts(["ab\ud800"])


def spans_of(*offsets, known=None):
    count = len(offsets)
    known = np.ones(count, dtype=bool) if known is None else np.array(known)
    return TokenSpans(np.array(offsets, dtype=np.int64).reshape(-1, 2), known, np.ones(count, dtype=bool))


def test_the_ledger_counts_unknown_tokens_cut_tokens_and_characters_without_token():
    spans = spans_of((0, 2), (3, 5), (8, 9), known=[True, False, True])
    ledger = measure_coverage("ab xy §\nz", spans)
    assert (ledger.tokens, ledger.embedded, ledger.unknown, ledger.lost_characters) == (3, 2, 1, 3)
    assert ledger.reasons == (
        "1 tokens stand for text the model does not know",
        "1 printable characters belong to no token",
    )
    cut = measure_coverage("ab xy", spans_of((0, 2), (3, 5)), read=1)
    assert (cut.embedded, cut.lost_characters, cut.truncated) == (1, 2, True)
    assert cut.reasons == ("cut after 1 of 2 tokens",)


def test_accents_after_a_letter_belong_to_it_and_control_characters_do_not_count():
    text = "e\u0301\u0302 \u200b\x01\u0301"
    ledger = measure_coverage(text, spans_of((0, 1)))
    assert ledger.lost_characters == 1  # the accent that follows nothing


def test_owners_are_by_first_character_and_spans_must_be_in_order():
    offsets = np.array([[0, 0], [0, 2], [2, 5], [6, 7], [9, 9]])
    assert owners(offsets, [Span(0, 3), Span(3, 6), Span(6, 7)]).tolist() == [-1, 0, 0, 2, -1]
    with pytest.raises(InvalidInputError, match="must not overlap"):
        owners(offsets, [Span(0, 3), Span(2, 6)])


def test_pooling_a_span_without_tokens_is_an_error_and_late_chunking_reports_it():
    tokens = TokenEmbeddings(np.ones((1, 2), dtype=np.float32), np.array([[0, 2]]))
    with pytest.raises(EmptySpanError, match=r"\[2, 3\) covers no token"):
        pool_spans(tokens, [Span(0, 2), Span(2, 3)])
    found = late_chunk(HashEncoder(dim=8), "one two", [Span(0, 3), Span(3, 4), Span(4, 7)])
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), [1, 0, 1])
    assert [ledger.tokens for ledger in found.coverage] == [1, 0, 1]
    assert late_chunk(HashEncoder(dim=8), "", []).vectors.shape == (0, 8)


@given(
    words=st.lists(st.text("abcß ", min_size=1, max_size=12), min_size=1, max_size=20), cut=st.integers(1, 30)
)
def test_spans_that_tile_a_text_share_out_every_token(words, cut):
    text = " ".join(words)
    encoder = HashEncoder(dim=8)
    spans = [Span(start, min(start + cut, len(text))) for start in range(0, len(text), cut)]
    ledgers = late_chunk(encoder, text, spans).coverage
    [whole] = encoder.embed([text]).coverage
    assert sum(ledger.tokens for ledger in ledgers) == whole.tokens
    assert all(ledger.complete for ledger in ledgers)


def test_positions_by_hand():
    ext = {name: Extension(method=name, target=8, original=4) for name in ("pi", "gp", "rp", "linear", "ntk")}
    assert position_ids(ext["pi"], 4).tolist() == [0, 2, 4, 6]
    assert position_ids(ext["pi"], 6).tolist() == [0, 1, 2, 3, 4, 5]
    assert position_ids(ext["gp"], 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert position_ids(ext["gp"], 4).tolist() == [0, 1, 2, 3]
    assert position_ids(ext["rp"], 6).tolist() == [0, 1, 2, 3, 0, 1]
    assert position_ids(ext["linear"], 5).tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert position_ids(ext["ntk"], 5).tolist() == position_ids(None, 5).tolist() == [0, 1, 2, 3, 4]


def test_factors_are_those_of_the_longembed_table():
    table = {1024: (2, 3.0, 3, 256), 2048: (4, 5.0, 5, 128), 4096: (8, 10.0, 9, 64)}
    for target, expected in table.items():
        e = parse_extension(f"selfextend:{target}", kind="rotary", original=512)
        assert (e.factor, e.lambda_, e.group, e.neighbours) == expected
    assert query_scale(4096, original=512) == pytest.approx(4 / 3)
    assert query_scale(100, original=512) == 1.0


def test_frequencies_slow_down_where_they_should():
    plain = (10000.0 ** -(np.arange(8) / 8)).astype(np.float32)
    np.testing.assert_allclose(ntk_frequencies(plain, lambda_=5.0), 50000.0 ** -(np.arange(8) / 8), rtol=1e-5)
    slowed, factor = yarn_frequencies(plain, factor=4.0, original=512)
    assert slowed[0] == plain[0]
    assert slowed[-1] == pytest.approx(plain[-1] / 4)
    assert factor == pytest.approx(1.13863, abs=1e-5)


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("avx2 fma", "float32"),
        ("avx512f avx512bw avx512_vnni", "float32"),
        ("avx512f avx512_bf16", "bfloat16"),
        ("amx_tile amx_int8 amx_bf16 avx512_bf16", "bfloat16"),
        ("amx_tile amx_int8", "float32"),
        ("asimd bf16 i8mm", "bfloat16"),
        ("", "float32"),
    ],
)
def test_bfloat16_only_where_the_processor_multiplies_it(flags, dtype):
    assert fast_dtype(frozenset(flags.split())) == dtype


def test_flags_are_those_that_every_core_has():
    text = "processor : 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor : 1\nflags\t\t: fpu avx2\n"
    assert processor_flags(text) == {"fpu", "avx2"}
    assert processor_flags("Features\t: asimd bf16\n") == {"asimd", "bf16"}
    assert processor_flags("nothing") == frozenset()


@pytest.mark.parametrize(("quota", "cores"), [("max", None), ("-1", None), ("250000", 2), ("50000", 1)])
def test_a_container_quota_limits_the_cores(tmp_path, quota, cores):
    assert quota_cores(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert quota_cores(tmp_path) == cores
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n")
    assert quota_cores(tmp_path) == cores
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0.0}, "temperature must be a positive number, got 0.0"),
        ({"temperature": math.nan}, "positive number, got nan"),
        ({"temperature": math.inf}, "positive number, got inf"),
        ({"max_tokens": 0}, "max_tokens must be a whole number of at least 1, got 0"),
        ({"dim": -4}, "dim must be a whole number of at least 1, got -4"),
        ({"overflow": "drop"}, "overflow must be one of split, error, truncate; got 'drop'"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"pooling": "median"}, "pooling must be one of"),
    ],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(InvalidInputError, match=words):
        EncoderConfig(**options)


def test_a_folder_that_is_no_model_or_has_unknown_modules_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        read_folder(tmp_path)
    (tmp_path / "modules.json").write_text('[{"path": "", "type": "sentence_transformers.models.CNN"}]')
    with pytest.raises(ModelError, match=r"has a module sentence_transformers\.models\.CNN"):
        read_folder(tmp_path)
    (tmp_path / "modules.json").write_text("[{")
    with pytest.raises(ModelError, match="is not valid JSON"):
        read_folder(tmp_path)


def test_the_hash_encoder_keeps_the_contract():
    encoder = HashEncoder(dim=16, max_tokens=6)
    found = encoder.embed(["a b c d e f g", "", "\ufffd", "b a"])
    assert found.vectors.shape == (4, 16)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), [1, 0, 0, 1])
    assert [ledger.segments for ledger in found.coverage] == [2, 0, 1, 1]
    assert [ledger.complete for ledger in found.coverage] == [True, True, False, True]
    assert np.array_equal(found.vectors[3], encoder.encode(["b a"])[0])
    with pytest.raises(InvalidInputError, match="max_tokens > special_tokens"):
        HashEncoder(max_tokens=2)
