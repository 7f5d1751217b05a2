"""One encoder for many threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest

from encoders.errors import ModelError
from encoders.fake import HashEncoder
from encoders.gathering import PATIENCE_S, TURN_CHARACTERS, GatheringEncoder, _Call
from encoders.sharing import shares_cores
from tests.support import wait_until


class Slow(HashEncoder):
    """Waits for a sign in each forward and remembers what each read."""

    def __init__(self):
        super().__init__(dim=8)
        self.forwards = []
        self.go_on = threading.Event()
        self.fails = False

    def embed(self, texts, *, kind="document"):
        self.forwards.append((kind, list(texts), shares_cores.get()))
        assert self.go_on.wait(20)
        if self.fails:
            raise ModelError("broken")
        return super().embed(texts, kind=kind)


def start(call):
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_queries_that_come_in_during_a_forward_are_embedded_together_and_each_gets_its_own():
    slow = Slow()
    encoder, made = GatheringEncoder(slow), {}

    def ask(text):
        made[text] = encoder.encode([text], kind="query")

    first = start(lambda: ask("first"))
    wait_until(lambda: slow.forwards)
    rest = [start(lambda text=text: ask(text)) for text in ("a tide", "bread", "the moon")]
    wait_until(lambda: len(encoder._waiting) == 3)
    slow.go_on.set()
    for thread in (first, *rest):
        thread.join(20)
    assert [len(texts) for _, texts, _ in slow.forwards] == [1, 3]
    for text, vector in made.items():
        assert np.array_equal(vector, HashEncoder(dim=8).encode([text]))


def test_a_query_does_not_wait_for_documents_and_both_then_leave_a_core():
    slow = Slow()
    encoder = GatheringEncoder(slow)
    texts = ["word " * (TURN_CHARACTERS // 5)] * 2
    bulk = start(lambda: encoder.embed(texts))
    wait_until(lambda: slow.forwards)
    query = start(lambda: encoder.embed(["tide"], kind="query"))
    wait_until(lambda: len(slow.forwards) == 2)  # while the documents are still being embedded
    slow.go_on.set()
    bulk.join(20)
    query.join(20)
    assert [kind for kind, *_ in slow.forwards] == ["document", "query", "document"]
    assert [shares for *_, shares in slow.forwards] == [False, True, True]


def test_a_turn_of_documents_begins_after_queries_that_wait_but_not_never():
    class SlowQueries(Slow):
        def embed(self, texts, *, kind="document"):
            return super().embed(texts, kind=kind) if kind == "query" else HashEncoder.embed(self, texts)

    slow = SlowQueries()
    encoder = GatheringEncoder(slow)
    threads = [start(lambda: encoder.embed(["tide"], kind="query"))]
    wait_until(lambda: slow.forwards)
    threads.append(start(lambda: encoder.embed(["bread"], kind="query")))
    wait_until(lambda: encoder._waiting)
    started = time.monotonic()
    encoder.embed(["a document"])
    assert time.monotonic() - started >= PATIENCE_S
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert not encoder._waiting


def test_who_gives_up_waiting_is_not_asked_for_and_does_not_keep_the_others_waiting():
    class Interrupted(Future):
        """Whoever waits for it is interrupted."""

        def result(self, timeout=None):
            raise KeyboardInterrupt

    slow = Slow()
    encoder, made = GatheringEncoder(slow), []
    threads = [start(lambda: encoder.embed(["tide"], kind="query"))]
    wait_until(lambda: slow.forwards)
    with pytest.raises(KeyboardInterrupt):
        encoder._together(_Call(["bread"], 5, Interrupted()))
    threads.append(start(lambda: made.append(encoder.embed(["moon"], kind="query"))))
    wait_until(lambda: len(encoder._waiting) == 2)
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert (len(made), encoder._waiting) == (1, [])
    assert [texts for _, texts, _ in slow.forwards] == [["tide"], ["moon"]]


def test_one_thread_embeds_all_queries():
    class Threads(HashEncoder):
        def embed(self, texts, *, kind="document"):
            seen.append(threading.current_thread())
            return super().embed(texts, kind=kind)

    seen: list[threading.Thread] = []
    encoder = GatheringEncoder(Threads(dim=8))
    for _ in range(3):
        start(lambda: encoder.embed(["tide"], kind="query")).join(20)
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_query_that_comes_when_python_ends_is_refused_and_nobody_waits():
    encoder = GatheringEncoder(HashEncoder(dim=8))
    encoder._thread.shutdown()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="cannot schedule new futures"):
            encoder.embed(["tide"], kind="query")
    assert encoder._waiting == []


def test_what_is_gathered_into_one_forward_has_a_limit():
    slow = Slow()
    encoder = GatheringEncoder(slow)
    long = "word " * 500
    threads = [start(lambda: encoder.embed(["first"], kind="query"))]
    wait_until(lambda: slow.forwards)
    threads += [start(lambda: encoder.embed([long], kind="query")) for _ in range(3)]
    wait_until(lambda: len(encoder._waiting) == 3)
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert [len(texts) for _, texts, _ in slow.forwards] == [1, 1, 1, 1]


def test_an_error_of_a_shared_forward_reaches_every_caller_and_the_next_one_is_served():
    slow = Slow()
    slow.fails = True
    encoder, failed = GatheringEncoder(slow), []

    def ask():
        try:
            encoder.embed(["x"], kind="query")
        except ModelError as error:
            failed.append(str(error))

    first = start(ask)
    wait_until(lambda: slow.forwards)
    rest = [start(ask), start(ask)]
    wait_until(lambda: len(encoder._waiting) == 2)
    slow.go_on.set()
    for thread in (first, *rest):
        thread.join(20)
    assert failed == ["broken"] * 3
    slow.fails = False
    assert encoder.encode(["x"], kind="query").shape == (1, 8)


@pytest.mark.parametrize("texts", [[], ["one"], ["one " * 9_000, "two", "three " * 2_000, ""]])
def test_vectors_and_ledgers_are_those_of_the_wrapped_encoder(texts):
    own, wrapped = HashEncoder(dim=8), GatheringEncoder(HashEncoder(dim=8))
    for kind in ("query", "document"):
        assert np.array_equal(wrapped.embed(texts, kind=kind).vectors, own.embed(texts, kind=kind).vectors)
        assert wrapped.embed(texts, kind=kind).coverage == own.embed(texts, kind=kind).coverage
    assert (wrapped.fingerprint, wrapped.dim, wrapped.max_tokens) == (own.fingerprint, 8, 256)
    assert np.array_equal(wrapped.encode_tokens("a b").vectors, own.encode_tokens("a b").vectors)
    with pytest.raises(TypeError):
        wrapped.embed("a bare string")
