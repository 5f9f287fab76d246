"""Duplicates: found by content, ordered by harm, said in one sentence."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from medrepro.datamodules.images.duplicates import across_parts, contradicting, duplicates_sentence, find_duplicates


def test_finds_copies_across_parts_and_contradictions() -> None:
    hashes = ["a", "b", "a", "c", "b", "d", "d"]
    parts = ["train", "train", "val", "test", "train", "test", "val"]
    found = find_duplicates(hashes, parts, list("uvwxyzs"), [0, 1, 0, 1, 1, 0, 1])
    assert found["content_hash"].tolist() == ["a", "d", "b"]
    assert found["parts"].tolist() == ["train+val", "test+val", "train"]
    assert found["sample_ids"].tolist() == [("u", "w"), ("z", "s"), ("v", "y")]
    assert across_parts(found)["content_hash"].tolist() == ["a", "d"]
    assert contradicting(found)["content_hash"].tolist() == ["d"]
    assert duplicates_sentence(found) == (
        "3 pictures occur more than once (by content); across parts: 1 in test and val, 1 in train and val, "
        "such as u = w; 1 with contradicting labels"
    )


def test_says_nothing_where_there_is_nothing() -> None:
    found = find_duplicates(["a", "b"], ["train", "test"], ["x", "y"], [0, 1])
    assert found.empty
    assert across_parts(found).empty
    assert contradicting(found).empty
    assert duplicates_sentence(found) == ""


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["train", "val", "test"])), max_size=30))
@settings(max_examples=40, deadline=None)
def test_counts_agree_with_counting(samples: list[tuple[str, str]]) -> None:
    ids = [str(number) for number in range(len(samples))]
    found = find_duplicates([h for h, _ in samples], [p for _, p in samples], ids, [0] * len(samples))
    counts = Counter(digest for digest, _ in samples)
    assert dict(zip(found["content_hash"], found["copies"], strict=True)) == {h: n for h, n in counts.items() if n > 1}
    crossing = {h for h in counts if len({part for digest, part in samples if digest == h}) > 1}
    assert set(across_parts(found)["content_hash"]) == crossing
