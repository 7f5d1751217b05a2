"""The verbs of ``longdoc train``."""

from __future__ import annotations

from eval.train_reranker import reranker_experiment, train_reranker
from eval.train_sea import train

for command in (train_reranker, reranker_experiment):
    train.add_command(command)
