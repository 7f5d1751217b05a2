"""HTTP over the retriever: routes, keys, limits, jobs, metrics.

The web process holds no index and no model: it asks the store's process over its
local socket, from worker threads, and so its event loop never waits.
"""
