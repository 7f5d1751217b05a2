from __future__ import annotations

import numpy as np
import pytest

from encoders.breadcrumbs import Breadcrumbs, Crumb, fit_breadcrumbs
from encoders.fake import HashTokenizer
from encoders.segmentation_fitting import Draft, counts_add_up, fit
from encoders.types import TokenSpans


class LetterTokenizer:
    """One token a character, white space included."""

    special_tokens = 0

    def tokenize(self, texts):
        return [
            TokenSpans(
                np.array([(n, n + 1) for n in range(len(text))], dtype=np.int64).reshape(-1, 2),
                np.ones(len(text), dtype=np.bool_),
                np.ones(len(text), dtype=np.bool_),
            )
            for text in texts
        ]


def draft(start, end, *, context_start=None, breadcrumb="", exact=True, tokens=99):
    context = start if context_start is None else context_start
    return Draft(
        start=start, end=end, context_start=context, tokens=tokens, exact=exact, breadcrumb=breadcrumb
    )


def fitted(text, drafts, max_tokens):
    return fit(text, drafts, LetterTokenizer(), max_tokens, trust=False)


def test_a_tokenizer_that_counts_white_space_is_not_trusted():
    assert counts_add_up(HashTokenizer())
    assert not counts_add_up(LetterTokenizer())


def test_a_reading_that_is_too_long_loses_its_context_first_then_its_breadcrumb():
    text = "abcdefghij"
    whole = draft(4, 8, context_start=0, breadcrumb="xy")
    assert fitted(text, [whole], 11) == [whole]
    assert fitted(text, [whole], 10) == [draft(4, 8, breadcrumb="xy")]
    assert fitted(text, [whole], 6) == [draft(4, 8)]


def test_what_is_still_too_long_is_cut_in_two_until_it_fits_and_counted_again():
    assert fitted("abcdefgh", [draft(0, 8)], 3) == [
        draft(start, start + 2, exact=False, tokens=2) for start in (0, 2, 4, 6)
    ]


def test_a_grapheme_over_the_budget_is_kept_whole():
    text = "e" + "\u0301" * 9
    assert fitted(text, [draft(0, 10, exact=False)], 4) == [draft(0, 10, exact=False, tokens=10)]


def test_exact_drafts_of_a_trusted_tokenizer_are_not_counted_again():
    text = "one two three"
    assert fit(text, [draft(0, 13)], HashTokenizer(), 4, trust=True) == [draft(0, 13)]


PARTS = (Crumb("a/b/file.py", "file.py"), Crumb("class A(Base)", "A"), Crumb("def f(self, x)", "f"))


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (40, "a/b/file.py > class A(Base) > def f(self, x)"),
        (20, "file.py > class A(Base) > def f(self, x)"),
        (16, "file.py > A > def f(self, x)"),
        (8, "file.py > A > f"),
        (4, "A > f"),
        (1, "f"),
        (0, ""),
    ],
)
def test_a_breadcrumb_is_shortened_from_the_outside(limit, text):
    fitted_breadcrumbs = fit_breadcrumbs(Breadcrumbs([0, 9], [(), PARTS]), HashTokenizer(), limit)
    assert fitted_breadcrumbs.at(8) == ("", 0)
    found, tokens = fitted_breadcrumbs.at(9)
    [counted] = HashTokenizer().tokenize([found])
    assert found == text
    assert tokens == len(counted) <= limit
