"""HTTP over `retriever`."""
