"""Files in, a job out; and what works on folders of this machine."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.datastructures import UploadFile

from api.access import Writing
from api.answers import json_answer
from api.errors import USUAL, problem_responses, writing_responses
from api.shapes import Body
from api.uploads import Upload, safe_name
from encoders.errors import InvalidInputError
from retriever import Retriever
from retriever.errors import PermissionDeniedError
from retriever.types import Estimate, Job

router = APIRouter(
    prefix="/v1/collections/{collection}",
    tags=["jobs"],
    responses=problem_responses(*USUAL, 404),
)

_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": "The name of each, a relative path, becomes the document's id.",
        }
    },
}


class Folder(Body):
    """A folder of the service's machine."""

    folder: str = Field(min_length=1, max_length=4_096, examples=["/data/contracts"])


@router.post(
    "/files",
    status_code=202,
    response_model=Job,
    operation_id="upload_files",
    responses=writing_responses(),
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def upload_files(request: Request, access: Writing) -> Response:
    """Take files and index them in the background; the answer is the job that does it."""
    service = access.service
    most = service.settings.max_upload_files
    async with request.form(max_files=most, max_fields=0) as form:
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        if not files or len(files) != len(form.multi_items()):
            raise InvalidInputError("send one or more files, each as a part called 'files'")
        named = [(safe_name(file.filename or ""), file.file) for file in files]

        def take(retriever: Retriever) -> Job:
            upload = Upload(service.settings.store)
            try:
                for name, source in named:
                    upload.write(name, source)
                return retriever.submit([upload.folder])
            except BaseException:
                upload.discard()
                raise

        job = await service.call(service.bulk, access.collection, take, request=request)
    return json_answer(job, status=202, headers={"Location": f"/v1/jobs/{job.id}"})


@router.post(
    "/sync",
    status_code=202,
    response_model=Job,
    operation_id="sync_folder",
    responses=writing_responses(),
)
async def sync_folder(request: Request, access: Writing, body: Folder) -> Response:
    """Make the collection equal to a folder of this machine, one that the settings allow."""
    service = access.service
    folder = _allowed(body.folder, service.settings.sync_roots)
    job = await service.call(
        service.control, access.collection, lambda r: r.submit([folder], sync=True), request=request
    )
    return json_answer(job, status=202, headers={"Location": f"/v1/jobs/{job.id}"})


@router.post("/estimate", response_model=Estimate, operation_id="estimate")
async def estimate(request: Request, access: Writing, body: Folder) -> Response:
    """Say what indexing a folder of this machine will take: tokens, time, disk. Nothing is stored."""
    service = access.service
    folder = _allowed(body.folder, service.settings.sync_roots)
    found = await service.call(
        service.bulk, access.collection, lambda r: r.estimate([folder]), request=request
    )
    return json_answer(found)


def _allowed(name: str, roots: tuple[Path, ...]) -> Path:
    """Return the real path of a folder that lies in an allowed one.

    Raises:
        PermissionDeniedError: it lies elsewhere; whether it exists is not told.
        InvalidInputError: it is no folder.
    """
    if "\0" in name:
        raise InvalidInputError("a path holds no NUL")
    folder = Path(name).resolve()
    if not any(folder.is_relative_to(root.resolve()) for root in roots):
        raise PermissionDeniedError("the folder is not in one that LONGDOC_SYNC_ROOTS allows")
    if not folder.is_dir():
        raise InvalidInputError(f"{name} is no folder; nothing was changed")
    return folder
