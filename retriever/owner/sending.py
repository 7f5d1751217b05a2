"""Send documents on a thread while the answer is awaited."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

from indexers.documents import checked, printable
from indexers.errors import InvalidDocumentError
from indexers.report import UnreadItem
from retriever.owner.messages import Item
from retriever.wire import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from encoders.types import Document


class Sending:
    """Sends the documents of an ``add``; `start` it once.

    Args:
        connection: where they go; after `give_up` it is closed here and by nobody else, for
            closing it under a thread that sends would send to whoever gets its number next.
        documents: asked for one by one, on the thread.
    """

    def __init__(self, connection: Connection, documents: Iterable[Document]) -> None:
        self._connection = connection
        self._documents = documents
        self._lock = threading.Lock()
        self._ended = self._given_up = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.broke: BaseException | None = None
        """What the caller's source raised, or why a document could not be sent."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Wait until all are sent."""
        self._thread.join()

    def give_up(self) -> None:
        """Hang up; what is being sent fails at once, and the connection is closed after that."""
        with self._lock:
            if self._ended or not self._thread.ident:
                self._connection.close()
                return
            self._given_up = True
            line = socket.socket(fileno=os.dup(self._connection.fileno()))
        with line:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side is gone

    def _run(self) -> None:
        try:
            self._send()
        except OSError:
            return  # the process is gone or has refused the call: the receiving side says so
        finally:
            with self._lock:
                self._ended = True
                if self._given_up:
                    self._connection.close()

    def _send(self) -> None:
        frames = self._frames()
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                self._connection.send_bytes(encode(Item()))
                return
            except BaseException as error:  # whatever it is, the process must not wait for more
                self.broke = error
                self._connection.send_bytes(encode(Item(broken=True)))
                return
            self._connection.send_bytes(frame)

    def _frames(self) -> Iterator[bytes]:
        for document in self._documents:
            try:
                item = Item(document=checked(document))
            except InvalidDocumentError as error:
                named, source = printable(str(document.id)), printable(str(document.source))
                item = Item(refused=UnreadItem(id=named, reason=str(error), source=source))
            yield encode(item)
