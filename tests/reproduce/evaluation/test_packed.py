"""Packed results come back exactly: other columns, precisions and missing values, and none at all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.packed import read_packed, write_packed
from medrepro.reproduce.evaluation.results import read_results, tables_in
from tests.reproduce._fakes import content, predictions, slices, write

COLUMNS = {
    "prob_1": st.sampled_from([np.float32, np.float64]),
    "dice": st.sampled_from([np.float32, np.float64]),
    "label": st.just(np.int64),
    "number": st.sampled_from([np.int32, np.int64]),
    "sure": st.just(np.bool_),
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame | None:
    if draw(st.booleans()):
        return None
    names = draw(st.permutations(sorted(draw(st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1)))))
    rows = draw(st.integers(1, 4))
    values = {"sample_id": [f"Θ{row}" for row in range(rows)]}
    found = pd.DataFrame(values)
    for name in names:
        kind = draw(COLUMNS[name])
        floats = st.floats(width=32, allow_nan=True)
        drawn = draw(
            st.lists(floats if np.issubdtype(kind, np.floating) else st.integers(0, 9), min_size=rows, max_size=rows)
        )
        found[name] = np.array(drawn, dtype=kind)
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(frames(), max_size=5))
def test_every_frame_comes_back_as_it_was(tmp_path: Path, drawn: list[pd.DataFrame | None]) -> None:
    place = tmp_path / "5-lidc.v2"
    results = [(content(f"row{number}", 0), frame) for number, frame in enumerate(drawn)]
    write_packed(place, results)
    found = list(read_packed(place))
    assert [one for one, _ in found] == [one for one, _ in results]
    for (_, group), (_, frame) in zip(found, results, strict=True):
        if frame is None:
            assert group is None
        else:
            assert group is not None
            pd.testing.assert_frame_equal(group.read(), frame, check_exact=True)


def test_packed_and_loose_results_are_the_same_results(tmp_path: Path) -> None:
    loose = [
        write(tmp_path / "loose/5", content(row, seed), predictions(1.0, seed, slices(patients=4)))
        for row in ("a", "b")
        for seed in (0, 1)
    ]
    write_packed(
        tmp_path / "kept/5", [(dict(one.content), one.predictions.frame if one.predictions else None) for one in loose]
    )
    packed = read_results(tmp_path / "kept/5")
    for ours, theirs in zip(packed, read_results(tmp_path / "loose/5"), strict=True):
        assert (ours.content, ours.path.name) == (theirs.content, theirs.path.name)
        assert ours.predictions is not None
        assert theirs.predictions is not None
        pd.testing.assert_frame_equal(ours.predictions.frame, theirs.predictions.frame)
    assert [place.name for place in (*tables_in(tmp_path / "kept"), *tables_in(tmp_path / "loose"))] == ["5", "5"]


def test_damage_is_named(tmp_path: Path) -> None:
    place = tmp_path / "5"
    write_packed(place, [(content("a", 0), predictions(1.0, 0, slices(patients=3)))])
    (one,) = read_results(place)
    place.with_name("5.parquet").write_bytes(b"nothing")
    from medrepro.reproduce.evaluation.packed import _file

    _file.cache_clear()
    with pytest.raises(InputError, match=r"cannot read predictions .*5\.parquet"):
        _ = one.predictions
    place.with_name("5.jsonl").write_text('{"schema": 1}\n')
    with pytest.raises(InputError, match="lacks key"):
        read_results(place)
    place.with_name("5.jsonl").write_text("{}\n{\n")
    with pytest.raises(InputError, match=r"5\.jsonl:2"):
        list(read_packed(place))
