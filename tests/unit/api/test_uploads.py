"""Files that came over HTTP are kept as long as their job may need them."""

from __future__ import annotations

import io
import os
import time
from pathlib import PurePosixPath

from api.uploads import Upload, sweep
from retriever.types import Job


def job(upload, state):
    return Job(
        id=state,
        kind="index",
        paths=(str(upload.folder),),
        collection="c",
        encoder="hash",
        state=state,
        created_at="",
    )


def test_uploads_go_when_their_job_is_done_or_cannot_be_tried_again(tmp_path):
    hour, day = 3_600, 86_400
    kept = {}
    for state in ("queued", "running", "done", "failed", "cancelled", ""):
        kept[state] = Upload(tmp_path)
        kept[state].write(PurePosixPath("a/b.txt"), io.BytesIO(b"words"))
    jobs = [job(upload, state) for state, upload in kept.items() if state]

    def left(*, after):
        sweep(tmp_path, jobs, now=time.time() + after)
        return {state for state, upload in kept.items() if upload.folder.exists()}

    assert left(after=1) == {"queued", "running", "failed", "cancelled", ""}
    assert left(after=hour + 1) == {"queued", "running", "failed", "cancelled"}
    assert left(after=day + 1) == {"queued", "running"}
    os.utime(kept["running"].folder, (0, 0))
    assert left(after=0) == {"queued", "running"}
