"""Replaying committed results: what agrees, what does not, what cannot be replayed here, and which are chosen."""

import json
import math
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrepro.datamodules.support.errors import InputError
from medrepro.reproduce.evaluation.collect import RESULTS
from medrepro.reproduce.evaluation.results import Result, read_results, tables_in
from medrepro.reproduce.papers import KEYS
from medrepro.reproduce.plan.cell import Cell
from medrepro.reproduce.verify import __main__ as verify
from medrepro.reproduce.verify.differences import compare, differences, frame_differences, within_intervals
from medrepro.reproduce.verify.sample import (
    _settled,
    cell_of,
    committed,
    needs,
    needs_data,
    sample,
    stratum,
    variant_of,
)
from tests.reproduce._fakes import content, predictions, slices, write

COUNTED, ABSENT = "multiscale/1/level-5__0__0", "egfr/3/egfr-mutant__0__0"  # both without predictions


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One replay for all tests: what is finished there is not run again."""
    return tmp_path_factory.mktemp("replay")


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDREPRO_DATA", raising=False)


def content_of(name: str) -> dict[str, Any]:
    """Return a committed result as it is."""
    table, _, cell = name.rpartition("/")
    (found,) = [one for one in read_results(RESULTS / table) if one.path.stem == cell]
    return dict(found.content)


def kept(folder: Path, *names: str, **changes: Any) -> Path:
    """Copy committed results into ``folder``, with other metrics."""
    for name in names:
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = content_of(name)
        path.write_text(json.dumps({**found, "metrics": {**found["metrics"], **changes}}))
    return folder


def test_a_result_that_comes_out_again_and_one_without_its_data(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = kept(tmp_path, COUNTED, ABSENT)
    assert verify.main(["--results", str(results), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "multiscale/1                         1 bit-equal" in told
    assert "egfr/3                               1 passed over" in told
    assert f"passed over  {ABSENT}: its data are not here: give --data-root DIR or MEDREPRO_DATA" in told
    assert "2 results: 1 passed over, 1 bit-equal" in told
    found = json.loads((results / "verified.json").read_text())
    assert {"commit", "dirty", "tolerance"} < set(found)
    assert found["papers"] == ["egfr", "multiscale"]
    assert (found["committed"], found["replayed"]) == (2, 1)
    assert found["largest_difference"] == {COUNTED: 0.0}
    assert found["verdicts"] == {"bit-equal": 1, "passed over": 1}
    assert list(found["passed_over"]) == [ABSENT]
    assert found["different"] == {}


def test_an_altered_number_is_a_difference_and_exit_code_1(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = content_of(COUNTED)["metrics"]
    name, value = next(iter(metrics.items()))
    results = kept(tmp_path, COUNTED, **{name: value + 0.5})
    words = ["multiscale", "--results", str(results), "--out", str(out)]
    assert verify.main(words) == 1
    assert f"different by 0.5  {COUNTED}: metrics {name}" in capsys.readouterr().out
    assert json.loads((results / "verified.json").read_text())["different"] == {COUNTED: f"metrics {name}"}
    assert verify.main([*words, "--tolerance", "0.5"]) == 0
    assert "1 within tolerance" in capsys.readouterr().out
    (results / "verified.json").unlink()
    assert verify.main([*words, "--reference", str(out)]) == 0, "the replay itself is the reference"
    assert not (results / "verified.json").exists(), "says what became of committed results, not of another replay"


def test_what_fails_is_named_and_the_others_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(cells: list[Cell], jobs: int, observer: object) -> None:
        del jobs, observer
        for cell in cells:
            if cell.row == "level-4":
                raise FileNotFoundError("no annotations")
            ran.append(cell.row)
            cell.path.parent.mkdir(parents=True, exist_ok=True)
            cell.path.write_text(json.dumps(content_of(COUNTED)))

    monkeypatch.setattr(verify, "run", run)
    broken = "multiscale/1/level-4__0__0"
    results = committed(kept(tmp_path, COUNTED, ABSENT, broken))
    options = verify.build_parser().parse_args(["--data-root", str(tmp_path)])
    found = {one.name: one for one in verify.verify(results, list(results), options, tmp_path / "out")}
    assert ran == ["level-5"]
    assert found[COUNTED].verdict == verify.EQUAL
    assert (found[broken].verdict, found[broken].note) == (verify.DIFFERENT, "FileNotFoundError: no annotations")
    assert found[ABSENT].verdict == verify.PASSED
    assert "not found: --clinical-csv takes" in found[ABSENT].note
    monkeypatch.setattr(verify, "needs_data", lambda result: False)
    found = {one.name: one for one in verify.verify(results, list(results), options, tmp_path / "out")}
    assert found[ABSENT].verdict == verify.DIFFERENT, "nothing is missing, so it must run"


@pytest.mark.parametrize("words", [["nobody"], ["--jobs", "0"], ["--sample", "0"], []])
def test_bad_input_is_one_line(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        verify.main([*words, "--results", str(tmp_path)])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


cells = st.tuples(st.sampled_from("12"), st.sampled_from(["trained", "count", "ball"]), st.floats(0, 500))


@given(st.lists(cells, min_size=1, max_size=30), st.integers(0, 3), st.integers(1, 40))
def test_the_sample_holds_the_cheapest_of_every_stratum(drawn: list[tuple[str, str, float]], seed: int, n: int) -> None:
    results = {}
    for number, (table, kind, seconds) in enumerate(drawn):
        config = {"module": {}, "data": {}, "train": {"epochs": int(kind == "trained")}}
        shown = None if kind == "count" else "there.parquet"
        found = content(f"row-{number}", 0, table=table, config=config, seconds=seconds, command="", predictions=shown)
        results[f"egfr/{table}/row-{number}__0__0"] = Result(Path("nowhere"), found)
    strata = {name: stratum(name, result) for name, result in results.items()}
    chosen = sample(results, seed=seed)
    assert sorted(strata[name] for name in chosen) == sorted(set(strata.values()))
    for name in chosen:
        others = [other for other in results if strata[other] == strata[name]]
        assert all(results[name].content["seconds"] <= results[other].content["seconds"] for other in others)
    more = sample(results, n, seed)
    assert len(more) == len(set(more)) == min(n, len(results))
    assert more[: len(chosen)] == chosen[:n]
    assert more == sample(dict(reversed(results.items())), n, seed)


@pytest.fixture(scope="module")
def all_results() -> dict[str, Result]:
    return committed(RESULTS)


def test_every_table_and_study_is_in_the_sample(all_results: dict[str, Result]) -> None:
    chosen = {name.rpartition("/")[0] for name in sample(all_results)}
    assert chosen == {place.relative_to(RESULTS).as_posix() for key in KEYS for place in tables_in(RESULTS / key)}


def offline(result: Result) -> bool:
    """Whether a result is planned without public data, weights that lie beside them, and optional packages."""
    return not needs_data(result) and "data/" not in str(result.content["command"]) and result.row != "radiomics-forest"


def test_every_result_is_planned_by_its_own_command(all_results: dict[str, Result]) -> None:
    """Each in a place of its own, and what it needs is committed too: else a reader could not run it again."""
    chosen = {name: result for name, result in all_results.items() if offline(result)}
    assert len(chosen) > 500
    cells = {name: cell_of(name, result, Path("out")) for name, result in chosen.items()}
    assert len({cell.path for cell in cells.values()}) == len(chosen)
    for name, cell in cells.items():
        content = chosen[name].content
        assert (cell.key, cell.row, cell.seed, cell.fold, cell.preset) == tuple(
            content[word] for word in ("key", "row", "seed", "fold", "preset")
        )
    needed = {base for name, cell in cells.items() for base in needs(cell, variant_of(name, chosen[name]))}
    assert {name.split("/")[0] for name in needed} >= {"multiscale", "segradcam"}
    assert needed <= set(all_results)


def test_a_row_that_is_planned_no_more_is_named(all_results: dict[str, Result]) -> None:
    name = "egfr/4/resnet34__0__0"
    result = all_results[name]
    gone = replace(result, content={**result.content, "row": "alexnet"})
    with pytest.raises(InputError, match=r"python reproduce/egfr.py --table 4 plans no 4/alexnet__0__0 any more"):
        cell_of(name, gone, Path("out"))


def test_folders_of_the_committing_machine_become_those_of_this_one(
    all_results: dict[str, Result], tmp_path: Path
) -> None:
    (tmp_path / "skin").mkdir()
    name = "egfr/5-lidc-nodules/resnet34-ce-rs__0__0"
    assert needs_data(all_results[name])
    assert cell_of(name, all_results[name], Path("out"), str(tmp_path)).config["data"]["data_root"] == str(tmp_path)
    words = ["--data-root", "DIR", "--weights", "data/mobilenet_v1/a.npz", "--jobs", "1", "--out", "x", "--folds", "5"]
    command = shlex.join(["python", "reproduce/cellline.py", *words])
    assert [*_settled(command, "/data", "skin")] == [
        "--data-root", "/data/skin", "--weights", "/data/mobilenet_v1/a.npz", "--folds", "5",
    ]  # fmt: skip


def pair(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], **changes: Any) -> tuple[Result, Result]:
    frame = predictions(1.0, 0, slices(patients=20))
    old = content("ce", 0, metrics={"image/auc": 0.8}, ci={"image/auc": [0.7, 0.9, "bootstrap-patient", 9]})
    for name, one, rows in (("old", old, frame), ("new", {**old, **changes}, change(frame))):
        write(tmp_path / name, one, rows)
    return Result(tmp_path / "old/ce__0__0.json", old), Result(tmp_path / "new/ce__0__0.json", {**old, **changes})


def test_predictions_that_differ_are_measured(tmp_path: Path) -> None:
    old, new = pair(tmp_path, lambda frame: frame.assign(prob_1=frame["prob_1"] + 0.25))
    largest, where = compare(old, new)
    assert largest == pytest.approx(0.25)
    assert where == "predictions prob_1"
    assert within_intervals(old, new)
    assert not within_intervals(old, replace(new, content={**new.content, "metrics": {"image/auc": 0.91}}))
    assert not within_intervals(old, old), "the same predictions give the same metrics"
    assert compare(old, old)[0] == 0


def test_other_samples_cannot_be_compared(tmp_path: Path) -> None:
    old, new = pair(tmp_path, lambda frame: frame.iloc[1:])
    assert compare(old, new) == (math.inf, "predictions: other columns or samples")
    frame = pd.DataFrame({"sample_id": ["a", "b"]})
    assert [*frame_differences(frame, frame[::-1].reset_index(drop=True))] == [(math.inf, "predictions sample_id")]
    assert [*frame_differences(frame, None)] == [(math.inf, "predictions: other columns or samples")]
    assert [*frame_differences(None, None)] == []


@pytest.mark.parametrize(
    ("old", "new", "largest"),
    [
        ({"a": [1, 2.5]}, {"a": [1, 2.0]}, 0.5),
        ({"a": math.nan}, {"a": math.nan}, 0),
        ({"a": math.nan}, {"a": 1.0}, math.inf),
        ({"a": "x"}, {"a": "y"}, math.inf),
        ({"a": [1]}, {"a": [1, 2]}, math.inf),
        ({"a": 1}, {}, math.inf),
        ({}, {"a": None}, math.inf),
        ({"explain/seconds": 1.0}, {"explain/seconds": 9.0}, 0),
        (None, None, 0),
    ],
)
def test_json_values_differ_by_their_numbers(old: object, new: object, largest: float) -> None:
    assert max((apart for apart, _ in differences(old, new, "metrics")), default=0) == largest
