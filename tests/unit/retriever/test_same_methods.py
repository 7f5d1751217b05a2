"""All doors have the same methods with the same arguments and types."""

from __future__ import annotations

import inspect

import pytest

from retriever import AsyncClient, AsyncRetriever, Client, Retriever
from retriever.async_embedded import BaseAsyncRetriever
from retriever.embedded import BaseRetriever


def methods(kind):
    """All public ones; the engine is no door's method, but what is behind it."""
    names = (name for name in dir(kind) if not name.startswith("_") and name != "engine")
    return {name: inspect.getattr_static(kind, name) for name in names}


def signature(member):
    """Arguments, defaults and annotations as they are written."""
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    function = function.fget if isinstance(function, property) else function
    return type(member) if not inspect.isfunction(member) else "method", inspect.signature(function)


def test_the_async_retriever_has_the_methods_of_the_retriever():
    assert methods(AsyncRetriever).keys() == methods(Retriever).keys()


@pytest.mark.parametrize("name", sorted(methods(Retriever)))
def test_a_method_is_the_same_to_be_awaited(name):
    sync, awaited = methods(Retriever)[name], methods(AsyncRetriever)[name]
    assert signature(awaited) == signature(sync)
    if not isinstance(sync, property):
        function = getattr(awaited, "__func__", awaited)
        assert inspect.iscoroutinefunction(function)


def test_the_four_differ_only_in_how_they_are_opened():
    embedded = {"open", "encoder", "restore"}
    assert methods(Retriever).keys() - methods(BaseRetriever).keys() == embedded
    assert methods(AsyncRetriever).keys() - methods(BaseAsyncRetriever).keys() == embedded
    assert methods(Client) == methods(BaseRetriever)
    assert methods(AsyncClient).keys() == methods(BaseAsyncRetriever).keys()
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
