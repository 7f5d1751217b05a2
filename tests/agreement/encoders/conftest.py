"""Tiny models, made once per run."""

import pytest
from tiny_models import save_model

from encoders.loading import load_encoder


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory):
    made = {}

    def make(family, **options):
        key = (family, *sorted(map(str, options.items())))
        if key not in made:
            made[key] = save_model(family, tmp_path_factory.mktemp(family), **options)
        return made[key]

    return make


@pytest.fixture(scope="session")
def load(folder_of):
    loaded = {}

    def make(family, **options):
        key = (family, *sorted(map(str, options.items())))
        if key not in loaded:
            exact = {"dtype": "float32", "self_check": False, "threads": 1}
            loaded[key] = load_encoder(str(folder_of(family)), **exact | options)
        return loaded[key]

    return make
