"""Rank a whole list of candidates with a language model, in one call or in several.

`ListwiseReranker` plans the calls, a model ranks one window of passages at a time
(`chat` over HTTP, `torch_model` in this process), and what comes back is checked:
the result is always a permutation of what went in, and says how much of it is the
model's own. `scoring.ScoringReranker` orders by models that score each text by itself.
Importing this package loads neither torch nor an HTTP library.
"""
