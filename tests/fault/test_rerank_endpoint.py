"""An endpoint that stalls, fails, cuts off and talks nonsense: never a ranking, always said."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from rerank_server import Reply, chain, chat, chat_server, right, script

from retriever.rerank.chat import ChatModel, ChatSettings
from retriever.rerank.errors import RankingFailedError
from retriever.rerank.passages import candidates_from_texts
from retriever.rerank.planning import RerankOptions
from retriever.rerank.reranker import ListwiseReranker
from retriever.rerank.transport import CallLimits

TEXTS = [f"This is grade {(37 * place) % 101} of all." for place in range(40)]
HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1>[3] &gt; [1] &gt; [2]</body></html>"


def rank(behave, *, size=5, limits=None, **options):
    quick = CallLimits(**{"timeout_s": 30.0, "backoff_s": 0.01, "attempts": 2, **(limits or {})})
    with chat_server(behave) as (url, seen):
        settings = ChatSettings(url=url, model="m", structure="text", limits=quick, list_limit=100)
        reranker = ListwiseReranker(ChatModel(settings), RerankOptions(**options))
        return reranker.rerank("which grade?", candidates_from_texts(TEXTS[:size])), seen


NO_ANSWER = {
    "cuts the answer": Reply(body=chat("[3] > [1] > [2] > [4] > [5]").body, cut=40),
    "sends nothing": Reply(body=chat("[3] > [1]").body, cut=0),
    "sends HTML": Reply(body=HTML, kind="text/html"),
    "sends plain text": Reply(body=b"[3] > [1] > [2] > [4] > [5]", kind="text/plain"),
    "sends a JSON list": Reply(body=b"[3, 1, 2, 4, 5]"),
    "fails with 500": Reply(body=b'{"error": "3 of 5 workers died"}', status=500),
    "fails with 502": Reply(body=HTML, status=502, kind="text/html"),
    "is overloaded": Reply(body=b"{}", status=503),
    "limits the rate": Reply(body=b'{"error": {"message": "Limit 3, Used 2"}}', status=429),
    "breaks its JSON": Reply(body=b'{"choices": [{"message"'),
    "nests its JSON": Reply(body=b"[" * 100_000),
    "answers at length": Reply(body=b"[3] > [1]" * 1_000_000),
}
REFUSED = {
    "knows no key": Reply(body=b'{"error": {"message": "Incorrect API key 1234"}}', status=401),
    "knows no model": Reply(body=b'{"error": "model 3 not found"}', status=404),
    "moved": Reply(body=b"", status=301, headers={"Location": "http://127.0.0.1:1/"}),
    "errs with status 200": Reply(body=b'{"error": {"message": "limit 3, code 2, try 1"}}'),
    "has no choices": Reply(body=b'{"choices": []}'),
}
NO_RANKING = {
    "says nothing": chat(""),
    "has null content": chat(None),
    "refuses": chat("I'm sorry, I can't help with these 5 passages.", refusal="policy 3.1"),
    "is filtered": chat("", finish="content_filter"),
    "talks": chat("I ranked all 5 passages: 3 is best, then 1."),
    "thinks for ever": chat("<think>[5] > [4] > [3] > [2] > [1]", finish="length"),
    "thinks in its own field": chat("", reasoning_content="[5] > [4] > [3] > [2] > [1]"),
    "repeats an outage": chat("Error code: 429 - Limit 3, Used 2, Requested 1"),
    "answers with a number": Reply(body=b'{"choices": [{"message": {"content": 31245}}]}'),
}


@pytest.mark.parametrize("reply", NO_ANSWER.values(), ids=NO_ANSWER)
def test_an_endpoint_that_gives_no_answer_is_asked_again_and_never_taken_for_a_ranking(reply):
    result, seen = rank(script(reply, reply, reply))
    assert (result.status, result.order) == ("failed", (0, 1, 2, 3, 4))
    assert (len(seen.requests), result.calls[0].attempts) == (2, 2)
    assert result.reasons
    assert result.counts.listed == 0


@pytest.mark.parametrize("reply", NO_ANSWER.values(), ids=NO_ANSWER)
def test_an_endpoint_that_recovers_is_forgiven(reply):
    result, seen = rank(script(reply))
    assert result.status == "ok"
    assert (len(seen.requests), result.calls[0].attempts) == (2, 2)


def test_an_endpoint_that_stalls_is_given_up_and_one_that_wakes_is_forgiven():
    stalled = Reply(body=b"{}", stall_s=60.0)
    result, seen = rank(script(stalled, stalled), limits={"timeout_s": 0.3})
    assert (result.status, len(seen.requests)) == ("failed", 2)
    assert "no complete answer within 0.3 s" in result.reasons[0]
    result, seen = rank(script(stalled), limits={"timeout_s": 4.0})
    assert (result.status, len(seen.requests)) == ("ok", 2)


@pytest.mark.parametrize("reply", REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_not_repeated(reply):
    result, seen = rank(script(reply, reply))
    assert (result.status, len(seen.requests)) == ("failed", 1)
    assert result.order == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("reply", NO_RANKING.values(), ids=NO_RANKING)
def test_an_answer_without_a_ranking_keeps_the_order_and_is_called_a_fallback(reply):
    result, seen = rank(script(reply, reply))
    assert (result.status, result.order) == ("fallback", (0, 1, 2, 3, 4))
    assert len(seen.requests) == 1
    assert result.reasons


def test_nobody_listening_is_a_failure_and_an_error_where_errors_are_wanted():
    with chat_server(right) as (url, _seen):
        pass  # the port is free again
    settings = ChatSettings(url=url, model="m", limits=CallLimits(attempts=2, backoff_s=0.01))
    candidates = candidates_from_texts(TEXTS[:3])
    assert ListwiseReranker(ChatModel(settings)).rerank("q", candidates).status == "failed"
    strict = ListwiseReranker(ChatModel(settings), RerankOptions(on_failure="raise"))
    with pytest.raises(RankingFailedError, match="no ranking of 3 candidates"):
        strict.rerank("q", candidates)


def test_a_sliding_run_that_breaks_keeps_what_was_ranked_and_stops_asking():
    broken = Reply(body=b"{}", status=500)
    result, seen = rank(script(right, broken, broken, broken), size=40, policy="sliding")
    assert (result.status, len(result.calls), result.planned) == ("fallback", 2, 3)
    assert [call.status for call in result.calls] == ["ok", "failed"]
    assert len(seen.requests) == 3
    assert result.order[:20] == tuple(range(20))
    assert sorted(result.order) == list(range(40))
    assert any("1 of 3 calls were not made" in reason for reason in result.reasons)


def test_blocks_survive_the_loss_of_some():
    def flaky(request, number):
        return Reply(body=b"{}", status=401) if number == 2 else right(request, number)

    result, _seen = rank(flaky, size=40, policy="blocks")
    statuses = [call.status for call in result.calls]
    assert (result.status, statuses.count("failed"), statuses.count("ok")) == ("fallback", 1, 7)
    assert sorted(result.order) == list(range(40))


def test_a_deadline_ends_everything():
    stalled = Reply(body=b"{}", stall_s=60.0)
    started = time.monotonic()
    result, _seen = rank(script(*[stalled] * 20), limits={"timeout_s": 60.0}, deadline_s=0.5)
    assert time.monotonic() - started < 40
    assert (result.status, result.reasons) == ("failed", ("the deadline passed before the model answered",))


@pytest.mark.parametrize("as_date", [False, True])
def test_an_endpoint_is_left_alone_for_as_long_as_it_asks(as_date):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    busy = Reply(body=b"{}", status=429, headers={"Retry-After": moment if as_date else "0.4"})
    started = time.monotonic()
    result, seen = rank(script(busy))
    assert (result.status, len(seen.requests)) == ("ok", 2)
    assert time.monotonic() - started >= 0.4


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for():
    busy = Reply(body=b"{}", status=429, headers={"Retry-After": "3600"})
    started = time.monotonic()
    result, seen = rank(script(busy))
    assert (result.status, len(seen.requests)) == ("failed", 1)
    assert "asks to wait 3600 s" in result.reasons[0]
    assert time.monotonic() - started < 60


def test_a_prompt_that_the_endpoint_finds_too_long_is_cut_further_and_then_given_up():
    too_long = Reply(body=b'{"error": {"message": "maximum context length is 100 tokens"}}', status=400)
    result, seen = rank(script(too_long))
    assert (result.status, result.shortened, len(seen.requests)) == ("ok", 5, 2)
    result, seen = rank(script(*[too_long] * 5))
    assert (result.status, len(seen.requests)) == ("failed", 3)


def test_an_answer_that_hit_the_limit_is_completed_in_first_stage_order():
    result, _seen = rank(script(chat("[3] > [1] > [", finish="length")))
    assert (result.status, result.order) == ("repaired", (2, 0, 1, 3, 4))
    assert (result.counts.missing, result.counts.cut_short) == (3, 1)


def test_usage_is_estimated_and_said_so_where_the_endpoint_does_not_tell():
    result, _seen = rank(script(chat(chain([3, 1, 2, 4, 5]), usage=False)))
    assert result.usage.estimated
    assert result.usage.read > 50
    assert result.usage.written > 5


def test_content_in_parts_is_joined():
    parts = [{"type": "text", "text": "[3] > [1] > "}, {"type": "text", "text": "[2] > [4] > [5]"}]
    assert rank(script(chat(parts)))[0].order == (2, 0, 1, 3, 4)


def test_a_key_in_the_address_stays_out_of_messages():
    with chat_server(script(Reply(body=b"{}", status=401))) as (url, _seen):
        secret = url.replace("http://", "http://user:hidden@")
        result = ListwiseReranker(ChatModel(ChatSettings(url=secret, model="m"))).rerank(
            "q", candidates_from_texts(TEXTS[:3])
        )
    assert "hidden" not in " ".join(result.reasons)
