import pytest

from indexers.errors import InvalidFilterError, UnknownFieldError
from indexers.filters import as_time, matches, parse_filter

FIELDS = {
    "id": frozenset({"string"}),
    "metadata.year": frozenset({"number"}),
    "metadata.date": frozenset({"string"}),
    "metadata.tags": frozenset({"string"}),
    "metadata.signed": frozenset({"boolean"}),
}
CONTRACT = {
    "id": "a",
    "metadata": {"year": 2021, "date": "2021-03-01", "tags": ["emea", "msa"], "signed": True},
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, True),
        ({"metadata.year": 2021}, True),
        ({"metadata.year": 2021.0}, True),
        ({"metadata.year": {"$ne": 2021}}, False),
        ({"metadata.year": {"$gt": 2020, "$lt": 2021}}, False),
        ({"metadata.year": {"$gte": 2021, "$lte": 2021}}, True),
        ({"metadata.date": {"$gte": "2021-03-01T00:00:00Z"}}, True),
        ({"metadata.date": {"$gt": "2021-03-01T00:30:00+01:00"}}, True),
        ({"metadata.tags": "msa"}, True),
        ({"metadata.tags": {"$nin": ["msa"]}}, False),
        ({"metadata.tags": {"$in": []}}, False),
        ({"metadata.tags": {"$prefix": "em"}}, True),
        ({"metadata.signed": True}, True),
        ({"metadata.signed": {"$exists": False}}, False),
        ({"$or": [{"id": "b"}, {"metadata.signed": True}]}, True),
        ({"$not": {"id": "a"}}, False),
        ({"metadata.year": {"$not": {"$gt": 2020}}}, False),
        ({"metadata.year": None}, False),
        ({"metadata.year": {"$ne": None}}, True),
    ],
)
def test_filters_mean_what_they_say(source, expected):
    assert matches(parse_filter(source, fields=FIELDS), CONTRACT) is expected


def test_a_missing_field_satisfies_only_not_equal_and_not_there():
    holds = {
        operator: matches(parse_filter({"metadata.year": {operator: value}}, fields=FIELDS), {"metadata": {}})
        for operator, value in {
            "$eq": 1,
            "$ne": 1,
            "$gt": 1,
            "$in": [1],
            "$nin": [1],
            "$exists": False,
        }.items()
    }
    assert [name for name, held in holds.items() if held] == ["$ne", "$nin", "$exists"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"metadata.year": {"$like": 1}}, r"unknown operator \$like"),
        ({"$nor": []}, r"unknown operator \$nor"),
        ({"metadata.year": "2021"}, "holds number, the filter compares with a string"),
        ({"metadata.signed": {"$gt": True}}, "takes a number or an RFC 3339 time"),
        ({"metadata.date": {"$lt": "March"}}, "takes a number or an RFC 3339 time"),
        ({"metadata.year": {"$in": 3}}, "takes a list"),
        ({"metadata.year": {"$gt": float("nan")}}, "cannot take nan"),
        ({"metadata.year": {}}, "is empty"),
        ({"$and": []}, "at least one filter"),
        ([], "a filter is a JSON object"),
    ],
)
def test_a_filter_that_makes_no_sense_says_why(source, message):
    with pytest.raises(InvalidFilterError, match=message):
        parse_filter(source, fields=FIELDS)


def test_an_unknown_field_is_an_error_that_names_the_known_ones():
    with pytest.raises(
        UnknownFieldError, match=r"no document has a field 'metadata\.yaer'.*metadata\.year"
    ) as caught:
        parse_filter({"metadata.yaer": 2021}, fields=FIELDS)
    assert caught.value.details["known"] == sorted(FIELDS)


@pytest.mark.parametrize("value", ["2021-13-01", "yesterday", "2021", "2021-02-30T00:00:00Z"])
def test_what_is_no_time_is_not_read_as_one(value):
    assert as_time(value) is None
