from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from encoders.errors import InvalidInputError, ModelError
from encoders.fake import HashEncoder
from encoders.loading import bundled_folder
from retriever.context.counting import counter_of, open_counter


def test_without_a_name_tokens_are_estimated_and_said_to_be():
    counter = open_counter(None)
    assert (counter.name, counter.exact) == ("estimate", False)
    assert counter.count("retrieval of 1234 things, \u4e2d\u6587") == 2 + 1 + 2 + 2 + 1 + 2
    assert counter.count("") == 0


def test_the_encoder_counts_where_it_is_named():
    counter = open_counter("encoder", encoder=lambda: HashEncoder().tokenizer)
    assert (counter.name, counter.exact, counter.count("two words")) == ("encoder", False, 2)
    with pytest.raises(InvalidInputError, match="name another tokenizer"):
        open_counter("encoder")


def test_a_folder_counts_all_of_a_long_text_and_no_special_tokens():
    folder = str(bundled_folder())
    counter = open_counter(folder)
    assert (counter.name, counter.exact) == (folder, True)
    assert counter.count("the cat " * 2000) == 4000  # the model reads 256
    assert counter.count("[SEP]") > 1  # a text is no command


def test_tokenizer_objects_and_functions_count():
    assert counter_of(str.split).count("a b c") == 3
    assert counter_of(len).count("abc") == 3
    own = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    assert counter_of(own).count("the cat") == 2  # without [CLS] and [SEP]

    class Transformers:
        name_or_path = "org/model"

        def encode(self, text, *, add_special_tokens=True):
            return text.split() + ["</s>"] * add_special_tokens

    counter = counter_of(Transformers())
    assert (counter.name, counter.count("a b")) == ("org/model", 2)


@pytest.mark.parametrize("wrong", [lambda text: None, lambda text: -1, lambda text: True, lambda text: 2.5])
def test_what_a_function_returns_must_count(wrong):
    with pytest.raises(InvalidInputError, match="return tokens or their number"):
        counter_of(wrong).count("text")


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(InvalidInputError, match="a name or a function"):
        counter_of(42)
    with pytest.raises(ModelError, match=r"there is no tokenizer 'nonsense'; name estimate, .*cl100k_base"):
        open_counter("nonsense")


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"is no tokenizer.json"):
        open_counter(str(tmp_path))


def test_tiktoken_counts_by_encoding_and_by_model_name(monkeypatch):
    spec = find_spec("llama_index.core")  # it brings the data of some encodings
    if spec is None or spec.origin is None:
        pytest.skip("no data of tiktoken here")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(Path(spec.origin).parent / "_static" / "tiktoken_cache"))
    by_name, by_model = open_counter("cl100k_base"), open_counter("gpt-4")
    text = "Termination for convenience <|endoftext|>"
    assert by_name.count(text) == by_model.count(text) == 10
    assert by_name.exact
