"""Documents and vectors, kept and found.

The text store, the vector index (Qdrant, embedded or remote), parsing and
ingest. Knows `encoders`, knows nothing of queries, HTTP or the command line.
"""
