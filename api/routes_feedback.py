"""What people say of answers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access import Managing, Reading
from api.answers import Page, json_answer
from api.errors import USUAL, problem_responses
from api.shapes import Body
from retriever.types import Judgement

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["feedback"],
    responses=problem_responses(*USUAL, 404, 507),
)


class Feedback(Body):
    """Whether a document of an answer was useful."""

    request_id: str = Field(
        min_length=1, max_length=100, description="`meta.request_id` of the answer.", examples=["req_01"]
    )
    document_id: str = Field(min_length=1, max_length=512, examples=["emea/msa-2021.pdf"])
    useful: bool = True


@router.post("/feedback", response_model=Judgement, operation_id="give_feedback")
async def give_feedback(request: Request, access: Reading, body: Feedback) -> Response:
    """Keep what was said of a document under an answer; saying it again replaces."""
    service = access.service
    said = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.feedback(body.request_id, body.document_id, useful=body.useful, mandatory=access.filter),
        request=request,
    )
    return json_answer(said)


@router.get("/feedback", response_model=Page[Judgement], operation_id="list_feedback")
async def list_feedback(request: Request, access: Managing) -> Response:
    """Return all feedback on the collection's answers, the oldest first; it holds what people asked."""
    service = access.service
    found = await service.call(service.bulk, access.collection, lambda r: r.judgements(), request=request)
    return json_answer({"data": found, "next_cursor": None})
