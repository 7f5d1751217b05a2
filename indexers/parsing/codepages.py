"""The code page of a text: the one in which its letters are those that some language writes."""

from __future__ import annotations

import re

_LETTER = r"[^\W\d_]"
_VOWEL = "[aeiouáéíóú]"
_SIGNS = (
    rf"[’‘“”„‚«»‹›©®™§†‡€•](?!(?<={_LETTER}.){_LETTER})|(?<={_LETTER})’|[–—…·\xa0\xad°]"
    rf"|(?<!{_LETTER})[¿¡]|(?<!{_LETTER})[£¥¢±¬×÷¶²³¹ªº¼½¾](?!{_LETTER})"
    r"|(?<=\bm)[²³]|(?<=\b[kcdm]m)[²³]|(?<=\bn)º|(?<!\w)µ|(?<=\d)[µªº]"
)
"""Signs where writers put them; in the wrong code page they stand inside words."""
_I = rf"(?<={_LETTER})ï"
_N = rf"ñ(?={_VOWEL})"
_WESTERN = (
    rf"[éëöüçè]|{_I}|[êâôî](?={_LETTER})|{_N}",
    rf"[âçèéëîôœæûü]|{_I}|à(?!{_LETTER})|ê(?={_LETTER})|(?<=\bo)ù",
    rf"[äöüßéèç]|à(?!{_LETTER})",
    rf"[áéíóúü]|{_N}",
    rf"[áâçéêíóôúà]|ã(?=[oes]|(?!{_LETTER}))|õ(?=e)",
    rf"[àèéìíòóù](?!{_LETTER})",
    rf"[àçèéíòóúü]|{_I}",
    r"[åäöéüà]",
    r"[æøåéöäóòèü]",
)
_NORTHERN = (r"[áéíóúýþæö]|(?<=\w)ð", r"[õäöüšž]")
_CENTRAL = (
    r"[ąćęłńóśźż]",
    r"[áčďéěíňóřšťúůýž]",
    r"[áäčďéíĺľňóôŕšťúýž]",
    r"[áéíóöőúüű]",
    r"[čćđšž]",
    r"[ăâîşţ]",
)
_TURKISH = (r"[çğıİöşüâîû]",)
_BALTIC = (r"[ąčęėįšųūž]", r"[āčēģīķļņšūž]", r"[õäöüšž]")
_HEBREW = (rf"[אבגדהוזחטילספעקרשת]|[כמנצ](?={_LETTER})|[ךםןףץ](?!{_LETTER})|[־׳״]",)
_CYRILLIC = (r"(?-i:(?<![a-zA-Z])(?:[а-яёѓђєѕіїјљњћќўџґ]|(?<![^\W\d_])[А-ЯЁЃЂЄЅІЇЈЉЊЋЌЎЏҐ])(?![a-zA-Z]))|№",)
_GREEK = (r"(?-i:(?<![a-zA-Z])(?:[α-ωά-ώΐΰ]|(?<![^\W\d_])[Α-ΩΆ-Ώ])(?![a-zA-Z]))",)
_PAGES = (
    ("cp1252", _WESTERN),
    ("cp1254", _TURKISH),
    ("cp1250", _CENTRAL),
    ("iso8859_2", _CENTRAL),
    ("cp1257", _BALTIC),
    ("cp1252", _NORTHERN),
    ("cp1255", _HEBREW),
    ("cp1251", _CYRILLIC),
    ("koi8_r", _CYRILLIC),
    ("cp1253", _GREEK),
)
"""Code pages with what each of their languages writes beyond ASCII; of equals the first is taken."""
_PATTERNS = tuple(
    (page, tuple(re.compile(rf"(?-i:(?![\0-\x7f]))(?:{_SIGNS}|{letters})", re.I) for letters in languages))
    for page, languages in _PAGES
)
_ODD = re.compile(r"[^\0-\x7f]")
_CAPITAL = re.compile(r"(?<=[a-z])[^\W\d_a-zA-Z]")
_NO_WORD = re.compile(r"(?<!\w)[\xc0-\u024f]{3,}(?!\w)")
"""Three accented letters and no plain one: another script, as a rule."""
_BEFORE = 64
_SAMPLE_BYTES = 1 << 16
_ENOUGH = 0.9
_CLEARLY = 0.02


def likely_page(data: bytes, first_odd_byte: int) -> str | None:
    """Return the code page in which what is not ASCII is what some language writes.

    Each line may be of another language. Windows-1252 wins unless another page explains
    clearly more.

    Args:
        data: text that is not UTF-8.
        first_odd_byte: what comes long before it is not looked at.

    Returns:
        A codec's name, or None when no page explains nearly all: East Asian text, and what
        is in rarer pages.
    """
    start = max(0, first_odd_byte - _BEFORE)
    sample = data[start : start + _SAMPLE_BYTES]
    best, best_share = None, 0.0
    for page, languages in _PATTERNS:
        try:
            share = _share(sample.decode(page), languages)
        except UnicodeDecodeError:
            continue
        if share > best_share + _CLEARLY:
            best, best_share = page, share
    return best if best_share >= _ENOUGH else None


def _share(text: str, languages: tuple[re.Pattern[str], ...]) -> float:
    """Return how much of what is not ASCII is as the best language of its line writes it."""
    odd = fitting = 0
    for line in text.split("\n"):
        if not (odd_here := len(_ODD.findall(line))):
            continue
        wrong = sum(map(len, _NO_WORD.findall(line)))
        wrong += sum(one.isupper() for one in _CAPITAL.findall(line))
        odd += odd_here
        fitting += max(0, max(len(language.findall(line)) for language in languages) - wrong)
    return fitting / odd if odd else 0.0
