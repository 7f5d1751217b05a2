"""Numbers for Prometheus, in a registry of the app's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "longdoc_http_requests", "Answered calls.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "longdoc_http_request_seconds",
            "Time from the first byte of a call to the last of its answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "longdoc_http_requests_in_flight", "Calls being answered.", registry=self._registry
        )
        self._lag = Histogram(
            "longdoc_event_loop_lag_seconds",
            "How late the event loop woke up.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
            registry=self._registry,
        )
        self._embedded = Counter(
            "longdoc_embedding_tokens", "Tokens embedded for callers.", registry=self._registry
        )
        self._pending = Gauge(
            "longdoc_queue_calls", "Calls at work or waiting.", ("queue",), registry=self._registry
        )

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count a call while it is being answered."""
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()

    def call(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered call."""
        known = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route, known).observe(seconds)

    def lag(self, seconds: float) -> None:
        """Note how late the event loop woke up."""
        self._lag.observe(seconds)

    def embedded(self, tokens: int) -> None:
        """Count embedded tokens."""
        self._embedded.inc(tokens)

    def watch_queue(self, name: str, pending: Callable[[], float]) -> None:
        """Show the length of a queue."""
        self._pending.labels(name).set_function(pending)

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._registry)
