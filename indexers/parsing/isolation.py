"""The near end of the parser process: start it, ask it, end it when it takes too long."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexers.parsing.types import UnparsableError
from indexers.parsing.worker import READY, received, request

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions, Source

_PROGRAM = "indexers.parsing.worker"
_START_S = 60.0
_READ_BYTES = 1 << 18
_MOST_HEADER_BYTES = 1 << 30
_FILES_PER_PROCESS = 500


class ParserProcess:
    """Parses untrusted bytes in a process with bounded memory and time.

    One process serves many files and is started with the first. It is replaced after
    a file that it did not survive, and from time to time, for libraries leak.
    Not for use by several threads at once.
    """

    def __init__(self, options: ParseOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0

    def parse(self, source: Source) -> Parsed:
        """Parse one file.

        Raises:
            UnparsableError: with the reason; also when the process died or took too long.
            MissingDependencyError: a library is missing.
        """
        if self._process is None or self._served >= _FILES_PER_PROCESS:
            self.close()
            self._start()
        self._served += 1
        deadline = time.monotonic() + self._options.limits.timeout_s
        try:
            self._send(request(source, self._options), source.data, deadline)
            line, rest = self._read_line(deadline)
            header = json.loads(line)
            body = self._read_exactly(header["bytes"], rest, deadline)
        except (EOFError, BrokenPipeError) as error:
            raise UnparsableError(self._cause_of_death()) from error
        except TimeoutError as error:
            self._kill()
            raise UnparsableError(
                f"not read within {self._options.limits.timeout_s:g} s; raise the limit or split the file"
            ) from error
        except BaseException:
            self._kill()  # its answer would be taken for that of the next file
            raise
        if len(body) > self._options.limits.memory_bytes >> 2:
            self.close()  # give the memory back
        return received(header, body)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._kill()

    def _start(self) -> None:
        # The program must find this very package, wherever it was imported from.
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _PROGRAM, str(self._options.limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
            start_new_session=True,
        )
        self._served = 0
        for pipe in (self._process.stdin, self._process.stdout):
            os.set_blocking(_number(pipe), False)
        try:
            line, _ = self._read_line(time.monotonic() + _START_S)
        except (EOFError, TimeoutError) as error:
            cause = self._cause_of_death()
            raise RuntimeError(f"the parser process did not start: {cause}") from error
        if line + b"\n" != READY:
            self._kill()
            raise RuntimeError(f"the parser process did not start: it said {line[:80]!r}")

    def _send(self, header: bytes, data: bytes, deadline: float) -> None:
        pipe = _number(self._running.stdin)
        for part in (header, data):
            view = memoryview(part)
            while view:
                _wait(pipe, selectors.EVENT_WRITE, deadline)
                view = view[os.write(pipe, view[:_READ_BYTES]) :]

    def _read_line(self, deadline: float) -> tuple[bytes, bytes]:
        """Return one line without its end, and what was read beyond it."""
        parts: list[bytes] = []
        size = 0
        while True:
            part = self._read_some(deadline)
            line, end, rest = part.partition(b"\n")
            parts.append(line)
            size += len(line)
            if end:
                return b"".join(parts), rest
            if size > _MOST_HEADER_BYTES:
                raise EOFError

    def _read_exactly(self, size: int, first: bytes, deadline: float) -> bytes:
        parts, missing = [first], size - len(first)
        while missing > 0:
            parts.append(self._read_some(deadline))
            missing -= len(parts[-1])
        return b"".join(parts)

    def _read_some(self, deadline: float) -> bytes:
        pipe = _number(self._running.stdout)
        _wait(pipe, selectors.EVENT_READ, deadline)
        part = os.read(pipe, _READ_BYTES)
        if not part:
            raise EOFError
        return part

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise EOFError
        return self._process

    def _cause_of_death(self) -> str:
        try:
            code = self._running.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self._kill()
        memory = self._options.limits.memory_bytes >> 20
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"damaged, or in need of more than {memory:,} MiB: the parser process ended with {how}"

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)  # with what it started: OCR
        except ProcessLookupError:
            pass
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _number(pipe: Any) -> int:
    number: int = pipe.fileno()
    return number


def _wait(pipe: int, event: int, deadline: float) -> None:
    """Wait until a pipe is ready.

    Raises:
        TimeoutError: it is not by the deadline.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
