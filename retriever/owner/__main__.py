"""Run the owner of a store as a program."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from indexers.errors import DiskSpaceError, StorageError, StoreLockedError, StoreReadOnlyError
from retriever.owner.server import LINGER_S, run

LOCKED, DISK_FULL, READ_ONLY = 4, 5, 6


def main() -> None:
    """Parse the command line, serve, and exit with 4 when another process has the store."""
    parser = argparse.ArgumentParser(
        prog="python -m retriever.owner", description="Own a store and serve it."
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--linger", type=float, default=LINGER_S, help="seconds to wait for the next caller")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        run(given.store, linger_s=given.linger)
    except StoreLockedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(LOCKED)
    except (DiskSpaceError, StoreReadOnlyError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(DISK_FULL if isinstance(error, DiskSpaceError) else READ_ONLY)
    except StorageError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
