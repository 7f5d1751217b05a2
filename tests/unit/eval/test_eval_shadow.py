from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from encoders.fake import HashEncoder
from encoders.types import Span
from eval.blind_page import blind_page, sign_test, tally
from eval.errors import DataError, TargetError
from eval.shadow import OURS, THEIRS, agreement, load_queries, shadow
from eval.targets import Target, open_target
from eval.types import Answer, Query, RankedDocument

QUERY = Query(id="q", text="who pays?", origin="s", local_id="q")


class Recorder(BaseHTTPRequestHandler):
    """Answers every POST with the server's reply and remembers the bodies."""

    def do_POST(self):
        self.server.bodies.append(
            (self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        )
        status, reply = self.server.reply
        payload = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *arguments):
        """Keep standard error quiet."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.bodies, server.reply = [], (200, {"hits": []})
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class NoWatch:
    def stage(self, name, *, total=0):
        """Ignore."""

    def reach(self, done):
        """Ignore."""


def answered(items) -> Answer:
    return Target(lambda query, limit: items, limit=10).answer(QUERY)


def test_items_may_be_ids_pairs_or_objects_in_the_usual_shapes():
    for items in (
        ["a", "b"],
        [("a", 2.0), ("b", 1.0)],
        [{"id": "a", "score": 2.0}, {"doc_id": "b"}],
        [{"document": {"id": "a"}}, {"id": 7, "payload": {"doc_id": "b"}}],
    ):
        assert [document.doc_id for document in answered(items).documents] == ["a", "b"]


def test_points_of_one_document_become_its_evidence_in_order():
    points = [
        {"id": 1, "payload": {"doc_id": "a", "start": 5, "end": 9}},
        {"id": 2, "payload": {"doc_id": "b"}},
        {"id": 3, "payload": {"doc_id": "a", "start": 0, "end": 2}},
    ]
    first, second = answered(points).documents
    assert (first.doc_id, first.evidence) == ("a", (Span(5, 9), Span(0, 2)))
    assert (second.doc_id, second.evidence) == ("b", ())


def test_evidence_inside_an_item_is_read():
    (document,) = answered(
        [{"id": "a", "evidence": [{"start": 1, "end": 4}, {"text": "no place"}]}]
    ).documents
    assert document.evidence == (Span(1, 4),)


@pytest.mark.parametrize("item", [3, {"score": 1.0}])
def test_an_item_without_an_id_is_an_error(item):
    with pytest.raises(TargetError, match="item 0"):
        answered([item])


def test_an_http_target_is_posted_query_and_limit(server):
    server.reply = (200, {"results": [{"id": "a"}]})
    for address in (f"http:{server.url}/search", f"{server.url}/search"):
        target = open_target(address, limit=3, load=HashEncoder)
        assert target.answer(QUERY).documents[0].doc_id == "a"
    assert server.bodies == [("/search", {"query": "who pays?", "limit": 3})] * 2


def test_a_qdrant_target_is_sent_the_vector_of_the_query(server):
    server.reply = (200, {"result": {"points": [{"id": 1, "score": 0.5, "payload": {"doc_id": "a"}}]}})
    target = open_target(
        f"qdrant:{server.url}/papers", limit=3, load=lambda: HashEncoder(dim=4), using="dense"
    )
    assert target.answer(QUERY).documents[0] == RankedDocument(doc_id="a", score=0.5)
    ((path, body),) = server.bodies
    assert path == "/collections/papers/points/query"
    assert body["query"] == pytest.approx(HashEncoder(dim=4).encode(["who pays?"], kind="query")[0].tolist())
    assert (body["using"], body["limit"], body["with_payload"]) == ("dense", 3, True)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((503, {}), "answered 503 Service Unavailable"),
        ((200, b"<html>"), "something that is not JSON"),
        ((200, ["a"]), "a JSON list, not an object"),
        ((200, {"answer": "a"}), r"without a list under hits, .*it has \['answer'\]"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_never_an_empty_ranking(server, reply, message):
    server.reply = reply
    with pytest.raises(TargetError, match=message):
        open_target(server.url, limit=3, load=HashEncoder).answer(QUERY)


def test_a_dead_target_is_an_error():
    with pytest.raises(TargetError, match="does not answer"):
        open_target("http://127.0.0.1:9/search", limit=3, load=HashEncoder, timeout_s=2).answer(QUERY)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp:x", "is no target; write http:URL"),
        ("qdrant:localhost", "write qdrant:http://host:6333/collection"),
        ("python:json:nothing", "cannot be loaded"),
        ("python:json:__name__", "is a str, not a callable"),
    ],
)
def test_a_wrong_address_says_what_to_write(address, message):
    with pytest.raises(TargetError, match=message):
        open_target(address, limit=3, load=HashEncoder)


def fixed(*ids: str) -> Target:
    return Target(lambda query, limit: list(ids), limit=10)


def test_agreement_counts_shared_documents_and_the_first():
    def answer(*documents: tuple[str, tuple[Span, ...]]) -> Answer:
        ranked = (RankedDocument(doc_id=d, score=0.0, evidence=spans) for d, spans in documents)
        return Answer(query_id="q", documents=tuple(ranked))

    ours = answer(("a", (Span(0, 5),)), ("b", (Span(0, 5),)), ("c", ()))
    theirs = answer(("a", (Span(4, 9),)), ("d", ()), ("b", (Span(5, 9),)))
    assert agreement(ours, theirs) == {"shared@10": 2 / 4, "same first": 1.0, "shared evidence": 1 / 2}
    assert agreement(answer(), answer(("a", ()))) == {"shared@10": 0.0, "same first": 0.0}


def test_with_judgements_both_are_measured_and_compared(tmp_path):
    (tmp_path / "q.txt").write_text("one\n\ntwo\n")
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n3\ta\t1\n")
    dataset = load_queries(tmp_path / "q.txt", tmp_path / "qrels.tsv")
    record, _ = shadow(fixed("a"), fixed("b", "a"), dataset, address="x", watch=NoWatch())
    assert [system["name"] for system in record["systems"]] == [OURS, THEIRS]
    mrr = next(one for one in record["differences"] if one["metric"] == "MRR@10")
    assert (mrr["mean"], mrr["count"]) == (0.5, 2)
    assert record["agreement"]["shared@10"]["mean"] == 0.5


def test_a_failing_query_is_listed_and_the_others_go_on(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"_id": "x", "text": "bad"}\n{"_id": "y", "text": "good"}\n')

    def fetch(query, limit):
        if query == "bad":
            raise TargetError("no")
        return ["a"]

    dataset = load_queries(tmp_path / "q.jsonl")
    record, pairs = shadow(fixed("a"), Target(fetch, limit=3), dataset, address="x", watch=NoWatch())
    assert record["failures"] == ["x: no"]
    assert [query.id for query, _, _ in pairs] == ["y"]
    assert record["systems"] == []


def test_when_every_query_fails_that_is_an_error(tmp_path):
    (tmp_path / "q.txt").write_text("one\n")
    with pytest.raises(TargetError, match="all 1 queries failed; the first: 1: item 0"):
        shadow(
            fixed("a"),
            Target(lambda q, n: [3], limit=3),
            load_queries(tmp_path / "q.txt"),
            address="x",
            watch=NoWatch(),
        )


def test_queries_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "q.txt").write_text("\n")
    with pytest.raises(DataError, match="holds no query"):
        load_queries(tmp_path / "q.txt")


def pairs_of(count: int) -> list[tuple[Query, Answer, Answer]]:
    def answer(number: int, doc_id: str) -> Answer:
        ranked = RankedDocument(doc_id=doc_id, score=1.0, evidence=(Span(0, 4),))
        return Answer(query_id=f"q{number}", documents=(ranked,))

    return [
        (
            Query(id=f"q{n}", text=f"<query {n}>", origin="s", local_id=str(n)),
            answer(n, "mine"),
            answer(n, "yours"),
        )
        for n in range(count)
    ]


def test_the_page_names_no_system_and_its_key_tells_the_sides():
    page, key = blind_page(pairs_of(40), ("alpha", "beta"), lambda d, a, b: f"text of {d}"[: b + 90], seed=1)
    assert "alpha" not in page
    assert "beta" not in page
    assert "&lt;query 0&gt;" in page
    lefts = [sides["left"] for sides in key.values()]
    assert 8 < lefts.count("alpha") < 32
    assert all({sides["left"], sides["right"]} == {"alpha", "beta"} for sides in key.values())
    first = page[page.index("&lt;query 0&gt;") :]
    expected = ["mine", "yours"] if key["q0"]["left"] == "alpha" else ["yours", "mine"]
    assert sorted(("mine", "yours"), key=lambda name: first.index(f">{name}<")) == expected


def test_votes_are_counted_by_system_with_a_sign_test():
    key = {f"q{n}": {"left": "alpha", "right": "beta"} for n in range(6)}
    votes = {"q0": "left", "q1": "left", "q2": "left", "q3": "left", "q4": "left", "q5": "equal"}
    counted = tally(votes, key)
    assert (counted.wins, counted.equal, counted.p) == ({"alpha": 5, "beta": 0}, 1, 2 / 32)
    with pytest.raises(DataError, match="'both' for query 'q0'"):
        tally({"q0": "both"}, key)


def test_the_sign_test_is_the_binomial_tail_on_both_sides():
    assert sign_test(5, 10) == 1.0
    assert sign_test(10, 10) == sign_test(0, 10) == 2 / 1024
    assert sign_test(0, 0) == 1.0


def test_a_side_without_spans_shows_the_beginning_of_its_documents():
    bare = Answer(query_id="q0", documents=(RankedDocument(doc_id="yours", score=1.0),))
    ((query, mine, _),) = pairs_of(1)
    asked = []

    def text_of(doc_id, start, end):
        asked.append((doc_id, start, end))
        return f"text of {doc_id}"

    page, _ = blind_page([(query, mine, bare)], ("alpha", "beta"), text_of, seed=1)
    assert sorted(asked) == [("mine", 0, 4), ("yours", 0, 400)]
    assert page.count("<blockquote>") == 2


def test_a_quote_that_is_cut_ends_with_a_whole_word():
    ((query, _, yours),) = pairs_of(1)
    long = Answer(
        query_id="q0",
        documents=(RankedDocument(doc_id="long", score=1.0, evidence=(Span(0, 900),)),),
    )
    text = "lantern " * 120
    page, _ = blind_page([(query, long, yours)], ("a", "b"), lambda _, start, end: text[start:end], seed=1)
    assert "lantern …</blockquote>" in page
    assert "lante …" not in page
