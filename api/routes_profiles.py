"""Search profiles of a collection, and counts of its values."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.access import Managing, Reading
from api.answers import json_answer
from api.errors import USUAL, problem_responses
from api.shapes import Body, body_model, to_domain
from retriever.options import FacetOptions
from retriever.profile import SearchProfile
from retriever.types import FacetValue

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["search"],
    responses=problem_responses(*USUAL, 404, 507),
)

ProfileName = Annotated[str, Path(alias="profile", min_length=1, max_length=64, examples=["short-questions"])]
ProfileBody = body_model(SearchProfile, name="NewProfile")
FacetBody = body_model(FacetOptions, name="Facet")


class FacetsRequest(Body):
    """Fields whose values are counted over the documents that match."""

    facets: list[FacetBody] = Field(  # type: ignore[valid-type]  # made at run time
        min_length=1, max_length=100, examples=[[{"field": "metadata.year", "limit": 20}]]
    )
    filter: dict[str, Any] | None = None


class DeletedProfiles(BaseModel):
    """What was deleted."""

    deleted: list[str]


@router.post("/facets", response_model=dict[str, list[FacetValue]], operation_id="facets")
async def facets(request: Request, access: Reading, body: FacetsRequest) -> Response:
    """Count the documents that match per value of each field, the most frequent values first."""
    service = access.service
    fields = [to_domain(one, FacetOptions) for one in body.facets]
    found = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.facets(fields, filter=body.filter, mandatory=access.filter),
        request=request,
    )
    return json_answer(found)


@router.get("/profiles", response_model=dict[str, SearchProfile], operation_id="list_profiles")
async def list_profiles(request: Request, access: Reading) -> Response:
    """Return the search profiles by name; `default` is always there."""
    service = access.service
    return json_answer(
        await service.call(service.interactive, access.collection, lambda r: r.profiles(), request=request)
    )


@router.put("/profiles/{profile}", response_model=SearchProfile, operation_id="save_profile")
async def save_profile(
    request: Request,
    access: Managing,
    name: ProfileName,
    body: ProfileBody,  # type: ignore[valid-type]  # made at run time
) -> Response:
    """Keep search settings under a name; `default` holds for all searches."""
    service, profile = access.service, to_domain(body, SearchProfile)
    kept = await service.call(
        service.interactive, access.collection, lambda r: r.save_profile(name, profile), request=request
    )
    return json_answer(kept)


@router.delete("/profiles/{profile}", response_model=DeletedProfiles, operation_id="delete_profile")
async def delete_profile(request: Request, access: Managing, name: ProfileName) -> Response:
    """Forget a search profile; `default` is then the shipped one again."""
    service = access.service
    await service.call(
        service.interactive, access.collection, lambda r: r.delete_profile(name), request=request
    )
    return json_answer({"deleted": [name]})
