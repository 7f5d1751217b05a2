"""A service over HTTP in the place of a store: what `retriever.Client` stands on."""
