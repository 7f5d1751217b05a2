"""Aliases: further names of collections. Rights are those of the collection that a name means."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.access import COLLECTION, Access, Anybody
from api.answers import Page, json_answer
from api.errors import USUAL, problem_responses
from api.routes_collections import Deleted
from api.shapes import Body
from retriever.errors import PermissionDeniedError
from retriever.types import Alias

router = APIRouter(
    prefix="/v1/aliases",
    tags=["collections"],
    responses=problem_responses(*USUAL, 404, 409, 507),
)

AliasName = Annotated[
    str,
    Path(alias="alias", pattern=COLLECTION, description="The further name.", examples=["contracts-live"]),
]


class NewAlias(Body):
    """What an alias is to mean."""

    collection: str = Field(
        pattern=COLLECTION, description="A collection, by name or alias.", examples=["contracts"]
    )


@router.get("", response_model=Page[Alias], operation_id="list_aliases")
async def list_aliases(request: Request, access: Anybody) -> Response:
    """List the aliases of the collections that the key may read."""
    known = await access.service.aliases()
    found = [one for one in known.values() if access.may(one.collection, "read")]
    return json_answer({"data": found, "next_cursor": None})


@router.put("/{alias}", response_model=Alias, operation_id="set_alias")
async def set_alias(request: Request, access: Anybody, alias: AliasName, body: NewAlias) -> Response:
    """Let a name mean a collection from now on, whatever it meant before."""
    service = access.service
    known = await service.aliases()
    target = known[body.collection].collection if body.collection in known else body.collection
    _check(access, alias, target, *([known[alias].collection] if alias in known else []))
    made = await service.call(
        service.control, "default", lambda r: r.set_alias(alias, target), request=request
    )
    return json_answer(made)


@router.delete("/{alias}", response_model=Deleted, operation_id="remove_alias")
async def remove_alias(request: Request, access: Anybody, alias: AliasName) -> Response:
    """Forget an alias; the collection stays."""
    service = access.service
    known = await service.aliases()
    _check(access, alias, *([known[alias].collection] if alias in known else []))
    await service.call(service.control, "default", lambda r: r.remove_alias(alias), request=request)
    return json_answer({"deleted": [alias]})


def _check(access: Access, *names: str) -> None:
    """Refuse who may not manage the name and every collection that it leaves or gets.

    Raises:
        PermissionDeniedError: the message names the alias alone.
    """
    if not all(access.may(name, "admin") for name in names):
        raise PermissionDeniedError(
            f"the key may not manage the alias {names[0]!r}: that needs admin for this name and for each "
            "collection that it means before or after",
            alias=names[0],
            needs="admin",
        )
