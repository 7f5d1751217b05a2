"""The process that owns a store, and how others talk to it.

The embedded engine can be open in one process only, holds Python's lock during every
call and dies on a full disk; the encoder takes seconds to load. So one process per
store holds both, and everybody else asks it over a local socket.
"""
