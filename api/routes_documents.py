"""Documents of a collection: list, add, and one by its id, which may hold slashes and so is a parameter."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from api.access import Access, Reading, Writing
from api.answers import (
    Condition,
    Cursor,
    Page,
    bytes_answer,
    etag,
    json_answer,
    read_cursor,
    read_if_match,
    to_json,
)
from api.errors import USUAL, problem_responses, writing_responses
from api.rights import visible
from api.shapes import Body, body_model, to_domain
from encoders.errors import InvalidInputError
from encoders.types import Document, Span
from indexers.errors import InvalidDocumentError, VersionMismatchError
from retriever import Retriever
from retriever.errors import NotFoundError, TooLargeError
from retriever.types import DocumentInfo, IndexReport, ListOptions, Resolution, UnreadItem

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["documents"],
    responses=problem_responses(*USUAL, 404),
)

DocumentId = Annotated[
    str,
    Query(
        alias="id",
        min_length=1,
        max_length=512,
        description="The document's id; it may hold slashes.",
        examples=["emea/msa-2021.pdf"],
    ),
]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="Version or ETag of the document.")]

DocumentBody = body_model(Document, name="NewDocument")
DocumentText = body_model(Document, name="DocumentText", without=frozenset({"id"}))


class NewDocuments(Body):
    """Documents that are already text; one whose id is there is replaced."""

    documents: list[DocumentBody] = Field(  # type: ignore[valid-type]  # made at run time
        min_length=1,
        examples=[[{"id": "a.txt", "text": "The tide rises twice a day.", "metadata": {"year": 2021}}]],
    )


class MetadataPatch(Body):
    """Objects merge, null removes a key, everything else replaces."""

    metadata: dict[str, Any] = Field(examples=[{"year": 2022, "draft": None}])


class WhichDocuments(Body):
    """Documents by their ids, or by a filter that is not empty; not both."""

    ids: list[str] | None = Field(default=None, max_length=10_000, examples=[["a.txt"]])
    filter: dict[str, Any] | None = Field(default=None, examples=[None])
    if_version: int | None = Field(default=None, ge=1, description="With ids: all must be at this version.")
    if_revision: int | None = Field(default=None, ge=0, description="With ids: and at this revision of it.")


class Deletion(BaseModel):
    """Ids that were there and are deleted, and ids that were not there."""

    deleted: list[str]
    missing: list[str]


class TextSpan(BaseModel):
    """A span of a document's text, in code points; ``text`` is exactly what is there."""

    id: str
    version: int
    start: int
    end: int
    text: str


@router.post(
    "/documents", response_model=IndexReport, operation_id="add_documents", responses=writing_responses()
)
async def add_documents(request: Request, access: Writing, body: NewDocuments) -> Response:
    """Index texts, and answer when they can be found; `failed` says which were refused and why."""
    service = access.service
    limit = service.settings.max_documents
    if len(body.documents) > limit:
        raise TooLargeError(f"{len(body.documents)} documents in one call, the limit is {limit}", limit=limit)
    documents = [to_domain(one, Document) for one in body.documents]
    report = await service.call(service.bulk, access.collection, lambda r: r.add(documents), request=request)
    return json_answer(report)


@router.get("/document", response_model=DocumentInfo, operation_id="get_document")
async def get_document(request: Request, access: Reading, doc_id: DocumentId) -> Response:
    """Return a document without its text; its `ETag` carries the version."""
    info = await visible(request, access, doc_id)
    return json_answer(info, headers={"ETag": etag(info)})


@router.get("/documents", response_model=Page[DocumentInfo], operation_id="list_documents")
async def list_documents(
    request: Request,
    access: Reading,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
    where: Annotated[
        str | None,
        Query(alias="filter", max_length=10_000, description="A filter as for `search`, as JSON."),
    ] = None,
    coverage_lt: Annotated[
        float | None,
        Query(ge=0, le=1, description="Only documents with a smaller share of their tokens embedded."),
    ] = None,
) -> Response:
    """List documents by id; `coverage_lt=1` finds those that are not fully searchable."""
    service = access.service
    options = ListOptions(
        limit=limit,
        cursor=cursor,
        filter=_json_object(where),
        mandatory=access.filter,
        coverage_lt=coverage_lt,
    )

    def work(retriever: Retriever) -> bytes:
        page = retriever.engine.documents(options)
        return to_json({"data": page.documents, "next_cursor": page.next_cursor})

    return bytes_answer(await service.call(service.interactive, access.collection, work, request=request))


@router.get("/unread", response_model=Page[UnreadItem], operation_id="list_unread")
async def list_unread(
    request: Request,
    access: Reading,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(max_length=4_000)] = None,
) -> Response:
    """List the files that could not be read, by id, with the reasons; nothing of them is searchable."""
    service = access.service
    of = f"unread {access.collection}"
    after = read_cursor(cursor, query=of).after if cursor is not None else ""
    found = await service.call(service.interactive, access.collection, lambda r: r.unread(), request=request)
    # Files that were not read have no metadata, so that a filter hides them all.
    seen = [one for one in found if one.id > after and access.filter is None]
    more = len(seen) > limit
    return json_answer(
        {"data": seen[:limit], "next_cursor": Cursor(seen[limit - 1].id, of).text() if more else None}
    )


@router.put(
    "/document", response_model=IndexReport, operation_id="put_document", responses=writing_responses(412)
)
async def put_document(
    request: Request,
    access: Writing,
    doc_id: DocumentId,
    body: DocumentText,  # type: ignore[valid-type]  # made at run time
    if_match: IfMatch = None,
) -> Response:
    """Index one text under an id, in place of what was there."""
    service, condition = access.service, read_if_match(if_match)
    document = to_domain(body, Document, id=doc_id)
    if if_match is not None:
        info = await visible(request, access, doc_id)
        if condition not in (
            Condition(),
            Condition(info.version),
            Condition(info.version, info.revision),
        ):
            raise VersionMismatchError(
                f"the document is at {etag(info)}, If-Match names {if_match}", id=doc_id, version=info.version
            )
    report = await service.call(service.bulk, access.collection, lambda r: r.add([document]), request=request)
    if report.failed:
        raise InvalidDocumentError(report.failed[0].reason, id=doc_id)
    return json_answer(report)


@router.patch(
    "/document",
    response_model=DocumentInfo,
    operation_id="patch_document",
    responses=writing_responses(412),
)
async def patch_document(
    request: Request,
    access: Writing,
    doc_id: DocumentId,
    body: MetadataPatch,
    if_match: IfMatch = None,
) -> Response:
    """Change the metadata by a JSON merge patch (RFC 7396); nothing is embedded again."""
    service, condition = access.service, read_if_match(if_match)
    info = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.patch(
            doc_id, body.metadata, if_version=condition.version, if_revision=condition.revision
        ),
        request=request,
    )
    return json_answer(info, headers={"ETag": etag(info)})


@router.delete(
    "/document", response_model=Deletion, operation_id="delete_document", responses=writing_responses(412)
)
async def delete_document(
    request: Request, access: Writing, doc_id: DocumentId, if_match: IfMatch = None
) -> Response:
    """Delete a document."""
    service, condition = access.service, read_if_match(if_match)
    await visible(request, access, doc_id)
    deleted = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.delete([doc_id], if_version=condition.version, if_revision=condition.revision),
        request=request,
    )
    return json_answer({"deleted": deleted, "missing": [] if deleted else [doc_id]})


@router.post(
    "/documents/delete",
    response_model=Deletion,
    operation_id="delete_documents",
    responses=writing_responses(412),
)
async def delete_documents(request: Request, access: Writing, body: WhichDocuments) -> Response:
    """Delete documents by their ids, or those that match a filter."""
    service, ids, where = access.service, body.ids, body.filter
    if (ids is None) == (where is None):
        raise InvalidInputError("name either ids or a filter")
    if ids is None and (body.if_version, body.if_revision) != (None, None):
        raise InvalidInputError("if_version and if_revision go with ids, not with a filter")
    deleted = await service.call(
        service.bulk,
        access.collection,
        lambda r: (
            r.delete(ids, if_version=body.if_version, if_revision=body.if_revision)
            if ids is not None
            else r.delete_where(where or {})
        ),
        request=request,
    )
    there = set(deleted)
    return json_answer({"deleted": deleted, "missing": [one for one in ids or () if one not in there]})


@router.get("/text", response_model=TextSpan, operation_id="get_text")
async def get_text(
    request: Request,
    access: Reading,
    doc_id: DocumentId,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[
        int | None, Query(ge=0, description="One past the last; the whole rest by default.")
    ] = None,
    version: Annotated[int | None, Query(ge=1, description="The version that was cited.")] = None,
) -> Response:
    """Return the code points `[start, end)` of a document.

    With `version`, the words as they were cited, as long as that version is kept.
    """
    service = access.service
    info = await visible(request, access, doc_id)
    stop = info.characters if end is None else end
    if stop < start:
        raise InvalidInputError(f"the span starts at {start} and ends at {stop}", start=start, end=stop)
    wanted = Span(start, stop)
    if version is not None and version != info.version:
        return await _earlier(request, access, doc_id, version, wanted)
    text = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.text(doc_id, wanted.start, wanted.end, mandatory=access.filter),
        request=request,
    )
    return json_answer(
        {"id": doc_id, "version": info.version, "start": wanted.start, "end": wanted.end, "text": text}
    )


@router.get("/resolve", response_model=Resolution, operation_id="resolve")
async def resolve(
    request: Request,
    access: Reading,
    evidence_id: Annotated[str | None, Query(min_length=1, max_length=2_000, examples=["ev_7Qk2"])] = None,
    doc_id: Annotated[str | None, Query(alias="id", min_length=1, max_length=512)] = None,
    version: Annotated[int, Query(ge=1, description="With id: the version that was cited.")] = 1,
    start: Annotated[int, Query(ge=0)] = 0,
    end: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Find where the words of an earlier answer are now: by its evidence id, or by id, version and span."""
    service = access.service
    if (evidence_id is None) == (doc_id is None):
        raise InvalidInputError("name either an evidence_id or the id of a document with version and span")

    def find(r: Retriever) -> Resolution:
        if evidence_id is not None:
            return r.resolve(evidence_id, mandatory=access.filter)
        return r.resolve_span(doc_id or "", version, start, end, mandatory=access.filter)

    found = await service.call(service.interactive, access.collection, find, request=request)
    return json_answer(found)


async def _earlier(request: Request, access: Access, doc_id: str, version: int, span: Span) -> Response:
    service = access.service
    found = await service.call(
        service.interactive,
        access.collection,
        lambda r: r.resolve_span(doc_id, version, span.start, span.end, mandatory=access.filter),
        request=request,
    )
    if len(found.text) != len(span):
        raise NotFoundError(
            f"version {version} of {doc_id!r} is not kept or has no such span: {found.reason or 'too short'}",
            id=doc_id,
            version=version,
        )
    return json_answer(
        {"id": doc_id, "version": version, "start": span.start, "end": span.end, "text": found.text}
    )


def _json_object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise InvalidInputError(f"filter: {error}") from error
