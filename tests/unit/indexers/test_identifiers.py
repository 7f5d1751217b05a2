from uuid import UUID

from indexers.identifiers import document_point, new_generation, segment_point


def test_generations_are_version_7_and_sort_by_time_of_making():
    made = [new_generation() for _ in range(2_000)]
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert made == sorted(made, key=lambda one: one.int >> 80)
    assert len(set(made)) == len(made)


def test_a_segment_has_the_same_point_at_every_retry_and_another_in_another_generation():
    first, second = str(new_generation()), str(new_generation())
    assert segment_point(first, 3) == segment_point(first, 3)
    assert len({segment_point(first, 3), segment_point(first, 4), segment_point(second, 3)}) == 3
    assert UUID(document_point("a/b.pdf")) != UUID(document_point("a/c.pdf"))
