"""Who calls, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from api.keys import ANYONE, EVERY, Key, Level
from api.service import Service
from retriever.errors import AuthenticationError, PermissionDeniedError

COLLECTION = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

CollectionName = Annotated[
    str,
    Path(
        alias="collection", pattern=COLLECTION, description="Name of the collection.", examples=["contracts"]
    ),
]

bearer = HTTPBearer(auto_error=False, description="An API key, made by `longdoc keys create`.")


@dataclass(frozen=True, slots=True)
class Access:
    """A caller who was let in.

    Attributes:
        key: what they may do.
        collection: the one the call is about, ``*`` for none. For a key whose rights depend on the
            collection, it is that which an alias meant when the call was let in.
    """

    key: Key
    collection: str
    service: Service

    @property
    def filter(self) -> Mapping[str, Any] | None:
        """The filter that the caller cannot widen."""
        return self.key.filter

    def may(self, collection: str, level: Level) -> bool:
        """Tell whether the caller may do so much with another collection."""
        return self.key.allows(collection, level)


def service_of(request: Request) -> Service:
    """Return the service of the app."""
    service: Service = request.app.state.service
    return service


def identify(request: Request) -> Key:
    """Find out who calls; done before the body is read.

    Raises:
        AuthenticationError: a key is needed and there is none, or it is not known.
    """
    service = service_of(request)
    presented = _presented(request)
    if not service.settings.needs_key:
        return ANYONE
    if presented is None:
        raise AuthenticationError("a key is needed: send it as 'Authorization: Bearer ld_...'")
    key = service.keys.find(presented)
    if key is None:
        raise AuthenticationError("the key is unknown, expired or revoked")
    request.state.key_id = key.id
    return key


async def caller(request: Request) -> Key:
    """Return the key of a call that was let in."""
    key: Key = request.state.key
    return key


def _presented(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key")


def _on_collection(level: Level) -> Callable[..., Awaitable[Access]]:
    async def check(
        request: Request, collection: CollectionName, key: Annotated[Key, Depends(caller)]
    ) -> Access:
        meant = collection
        if not key.allows_everywhere(level):
            known = await service_of(request).aliases()
            meant = known[collection].collection if collection in known else collection
        if not key.allows(meant, level):
            raise PermissionDeniedError(
                f"the key may not {level} collection {collection!r}", collection=collection, needs=level
            )
        return Access(key, meant, service_of(request))

    check.__name__ = f"may_{level}"
    return check


async def _anywhere(request: Request, key: Annotated[Key, Depends(caller)]) -> Access:
    return Access(key, EVERY, service_of(request))


async def _operator(request: Request, key: Annotated[Key, Depends(caller)]) -> Access:
    if not key.allows(EVERY, "admin"):
        raise PermissionDeniedError("this needs a key with the scope *=admin", needs="admin")
    return Access(key, EVERY, service_of(request))


Reading = Annotated[Access, Depends(_on_collection("read"))]
"""May read the collection of the path."""
Writing = Annotated[Access, Depends(_on_collection("write"))]
"""May change its documents."""
Managing = Annotated[Access, Depends(_on_collection("admin"))]
"""May make and delete it."""
Anybody = Annotated[Access, Depends(_anywhere)]
"""Has a key; what it may see is decided by the route."""
Operating = Annotated[Access, Depends(_operator)]
"""Runs the service."""
