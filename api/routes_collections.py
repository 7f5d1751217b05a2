"""Collections: list, look at, make, delete."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.access import Anybody, Managing, Reading
from api.answers import Page, json_answer
from api.errors import USUAL, problem_responses, writing_responses
from retriever.types import CollectionInfo

router = APIRouter(prefix="/v1", tags=["collections"], responses=problem_responses(*USUAL))


class Deleted(BaseModel):
    """What was deleted."""

    deleted: list[str]


@router.get("/collections", response_model=Page[CollectionInfo], operation_id="list_collections")
async def list_collections(request: Request, access: Anybody) -> Response:
    """List the collections that the key may read."""
    service = access.service
    names = await service.call(service.control, "default", lambda r: r.collections(), request=request)
    found = [
        await service.call(
            service.control, name, lambda r: r.describe(mandatory=access.filter), request=request
        )
        for name in names
        if access.may(name, "read")
    ]
    return json_answer({"data": found, "next_cursor": None})


@router.get(
    "/collections/{collection}",
    response_model=CollectionInfo,
    operation_id="get_collection",
    responses=problem_responses(404),
)
async def get_collection(request: Request, access: Reading) -> Response:
    """Describe a collection."""
    service = access.service
    info = await service.call(
        service.control, access.collection, lambda r: r.describe(mandatory=access.filter), request=request
    )
    return json_answer(info)


@router.put(
    "/collections/{collection}",
    response_model=CollectionInfo,
    operation_id="create_collection",
    responses=writing_responses(),
)
async def create_collection(request: Request, access: Managing) -> Response:
    """Make a collection for the service's encoder; one that is there stays as it is."""
    service = access.service
    info = await service.call(service.bulk, access.collection, lambda r: r.create(), request=request)
    return json_answer(info)


@router.delete(
    "/collections/{collection}",
    response_model=Deleted,
    operation_id="delete_collection",
    responses=writing_responses(404),
)
async def delete_collection(request: Request, access: Managing) -> Response:
    """Delete a collection with all its documents."""
    service = access.service
    await service.call(service.bulk, access.collection, lambda r: r.drop(), request=request)
    return json_answer({"deleted": [access.collection]})
