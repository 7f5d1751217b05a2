"""Probabilities from raw signals."""

from __future__ import annotations

import numpy as np
import pytest

from retriever.calibration import brier, fit_logistic, probabilities
from retriever.profile import Logistic


def test_a_fit_finds_the_probabilities_that_made_the_labels():
    generator = np.random.default_rng(7)
    signals = np.column_stack([generator.uniform(0, 1, 20_000), generator.uniform(0, 8, 20_000)])
    truth = Logistic(bias=-4.0, dense=5.0, lexical=0.5)
    labels = generator.random(20_000) < probabilities(truth, signals)
    found = fit_logistic(signals, labels)
    assert np.abs(probabilities(found, signals) - probabilities(truth, signals)).mean() < 0.02
    assert brier(probabilities(found, signals), labels) == pytest.approx(
        brier(probabilities(truth, signals), labels), abs=2e-3
    )


def test_labels_that_signals_tell_apart_perfectly_do_not_run_away():
    signals = np.array([[0.1, 1.0], [0.2, 1.0], [0.8, 1.0], [0.9, 1.0]])
    found = fit_logistic(signals, np.array([False, False, True, True]))
    assert np.isfinite([found.bias, found.dense, found.lexical]).all()
    low, *_, high = probabilities(found, signals)
    assert low < 0.3 < 0.7 < high


def test_squared_error_by_hand():
    assert brier(np.array([1.0, 0.5]), np.array([True, False])) == 0.125
