"""Find pictures that occur more than once, by content, and report those that make a result too good."""

from collections.abc import Iterable

import pandas as pd

COLUMNS = ("content_hash", "copies", "parts", "sample_ids", "labels")


def find_duplicates(
    hashes: Iterable[str], parts: Iterable[str], sample_ids: Iterable[str], labels: Iterable[int]
) -> pd.DataFrame:
    """Return one row per picture that occurs more than once.

    Args:
        hashes: content hash of each sample.
        parts: ``train``, ``val`` or ``test`` of each sample.
        sample_ids: id of each sample.
        labels: class of each sample.

    Returns:
        Columns ``content_hash``, ``copies``, ``parts`` (sorted, joined by +), ``sample_ids`` and ``labels``
        (tuples); those that cross parts first.
    """
    table = pd.DataFrame({"content_hash": hashes, "part": parts, "sample_id": sample_ids, "label": labels})
    repeated = table[table["content_hash"].duplicated(keep=False)]
    rows = [
        (
            digest,
            len(same),
            "+".join(sorted(set(same["part"]))),
            tuple(same["sample_id"]),
            tuple(same["label"]),
        )
        for digest, same in repeated.groupby("content_hash", sort=True)
    ]
    rows.sort(key=lambda row: ("+" not in row[2], row[0]))
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def across_parts(duplicates: pd.DataFrame) -> pd.DataFrame:
    """Keep the pictures that lie in more than one part: the ones that leak."""
    return duplicates[duplicates["parts"].astype(str).str.contains("+", regex=False)].reset_index(drop=True)


def contradicting(duplicates: pd.DataFrame) -> pd.DataFrame:
    """Keep the pictures that carry more than one label: at most one of them is right."""
    disagree = [len(set(labels)) > 1 for labels in duplicates["labels"]]
    return duplicates[disagree].reset_index(drop=True)


def duplicates_sentence(duplicates: pd.DataFrame) -> str:
    """Say in one sentence what was found; "" when every picture is there once."""
    if duplicates.empty:
        return ""
    leaks, wrong = across_parts(duplicates), contradicting(duplicates)
    sentence = f"{len(duplicates)} pictures occur more than once (by content)"
    if len(leaks):
        counts = leaks["parts"].value_counts().sort_index()
        places = ", ".join(f"{count} in {str(name).replace('+', ' and ')}" for name, count in counts.items())
        sentence += f"; across parts: {places}, such as {' = '.join(leaks['sample_ids'][0][:2])}"
    return sentence + (f"; {len(wrong)} with contradicting labels" if len(wrong) else "")
