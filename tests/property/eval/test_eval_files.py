from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encoders.types import Span
from eval.answering import split_sentences
from eval.evidence import CHARACTERS_PER_DOCUMENT, iou, within
from eval.markup import element
from eval.metrics import evaluate, ranking
from eval.trec import read_run, write_run

ids = st.text(min_size=1, max_size=12)
SLOW = [HealthCheck.too_slow]
patient = settings(suppress_health_check=SLOW, deadline=None, max_examples=60)

scores = st.floats(allow_nan=False, allow_infinity=False)
spans = st.builds(lambda start, size: Span(start, start + size), st.integers(0, 9000), st.integers(0, 5000))


@settings(suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(run=st.dictionaries(ids, st.dictionaries(ids, scores, min_size=1, max_size=4), max_size=3))
def test_any_run_comes_back_from_its_file(tmp_path, run):
    write_run(tmp_path / "run", run, tag="a tag")
    assert read_run(tmp_path / "run") == run


@patient
@given(found=st.lists(spans))
def test_what_is_read_of_a_document_never_exceeds_the_limit_and_stops_only_there(found):
    read = list(within(found, CHARACTERS_PER_DOCUMENT))
    total = sum(map(len, found))
    assert sum(map(len, read)) == min(total, CHARACTERS_PER_DOCUMENT)
    assert all(
        one.start == other.start and one.end <= other.end for one, other in zip(read, found, strict=False)
    )


@patient
@given(one=spans, other=spans)
def test_iou_is_a_share_symmetric_and_one_only_for_equal_spans(one, other):
    value = iou(one, other)
    assert 0 <= value <= 1
    assert value == iou(other, one)
    assert (value == 1) == (one == other and len(one) > 0)


@patient
@given(run=st.dictionaries(ids, scores, max_size=12), relevant=st.sets(ids, min_size=1, max_size=4))
def test_metrics_lie_between_0_and_1_and_a_perfect_ranking_has_1(run, relevant):
    qrels = {"q": dict.fromkeys(relevant, 1)}
    for value in evaluate(qrels, {"q": run})["q"].values():
        assert -1e-9 <= value <= 1 + 1e-9
    perfect = dict.fromkeys(relevant, 1.0)
    assert all(abs(value - 1) < 1e-9 for value in evaluate(qrels, {"q": perfect})["q"].values())
    assert sorted(ranking(run)) == sorted(run)


@patient
@given(text=st.text())
def test_no_text_becomes_markup(text):
    inner = element("p", text)[3:-4]
    assert "<" not in inner
    assert element("p", title=text).count('"') == 2


@patient
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["It is", "So", "Dr. No"]), st.lists(st.integers(0, 9), max_size=5))
    )
)
def test_every_sentence_keeps_at_most_three_distinct_citations(parts):
    answer = " ".join(f"{text}. {''.join(f'[{n}]' for n in numbers)}" for text, numbers in parts)
    for text, numbers in split_sentences(answer):
        assert text
        assert "[" not in text
        assert len(numbers) == len(set(numbers)) <= 3
