"""The scenarios of ``longdoc bench faults`` in their short form."""

from __future__ import annotations

import json

import pytest

from eval.bench_faults import in_own_mounts, kill_job, kill_writers, may_mount
from eval.fault_client import possible_states

mounts = pytest.mark.skipif(not may_mount(), reason="mounting needs root")


def test_what_was_acknowledged_survives_kills_of_owner_and_caller(tmp_path):
    facts = kill_writers(tmp_path, 2, seed=5, tell=lambda line: None)
    assert facts["owner killed"] >= 2
    assert facts["doctor's findings"] == 0


def test_a_job_that_is_killed_again_and_again_ends_equal_to_an_undisturbed_one(tmp_path):
    facts = kill_job(tmp_path, 2, seed=3)
    assert facts["equal to an undisturbed run"] == "yes"
    assert 1 < facts["attempts"] <= facts["kills"] + 1  # a kill may come before an attempt begins


@mounts
def test_a_full_disk_is_said_and_survived(tmp_path):
    facts = in_own_mounts("full", tmp_path, times=2)
    assert facts["refused before it began"] == "DiskSpaceError"
    assert "DiskSpaceError" in facts["search on the full disk"]
    assert "nothing failed" not in facts["filled with our guard switched off"]


@mounts
def test_a_read_only_store_is_said_and_answers_once_it_is_writable(tmp_path):
    assert "mounted read-only" in in_own_mounts("read-only", tmp_path)["read-only"]


def test_the_log_of_a_caller_says_what_a_document_may_be():
    rows = [
        ["try", "a", 1, None],
        ["done", "a", 1, None],
        ["try", "a", 1, 7],
        ["try", "b", 2, None],
        ["lost", "b", 2, None],
    ]
    log = [json.dumps(row) + "\n" for row in rows] + ['["done", "b", 2']  # killed while it wrote
    assert possible_states(iter(log), {"c": (3, None)}) == {
        "a": {(1, None), (1, 7)},
        "b": {(None, None), (2, None)},
        "c": {(3, None)},
    }
