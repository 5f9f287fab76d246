"""The egfr command, whole: every target planned, the default one run, reused, re-run after a kill and rendered."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from medrepro.datamodules.features import radiomics
from medrepro.reproduce import command as _cli
from medrepro.reproduce import egfr
from medrepro.reproduce.papers.egfr import comparators
from medrepro.reproduce.papers.egfr.clinical import p_values
from medrepro.reproduce.papers.egfr.compute import mean_cosines
from medrepro.reproduce.papers.egfr.protocol import ASSUMPTIONS
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import load
from medrepro.reproduce.run.outcome import Context

SIZES = {
    "table 1": 6, "table 2": 4, "table 3": 12, "table 4": 5, "table 5": 12, "table 6": 60, "table 7": 15,
    "table complexity": 5, "figure 4": 2, "figure 5": 24, "figure 6": 12, "figure 7": 30, "study margin": 18,
    "study leakage": 20,
}  # fmt: skip


def options(*words: str) -> Options:
    (found,) = _cli.parse(load("egfr"), list(words))
    return found


@pytest.mark.parametrize("target", list(SIZES))
def test_every_target_is_planned(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(SIZES) == set(load("egfr").offered)
    monkeypatch.setattr(radiomics, "available", lambda: True)  # the radiomics extra may be installed or not
    kind, name = target.split()
    job = load("egfr").plan(options(f"--{kind}", name, "--out", str(tmp_path)))
    assert len(job.cells) == SIZES[target]
    assert len({(cell.row, cell.seed, cell.fold) for cell in job.cells}) == SIZES[target]
    rows = {row.id for row in job.spec.rows if not row.reason}
    assert {cell.row for cell in job.cells} == rows


def test_without_the_radiomics_extra_its_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radiomics, "available", lambda: False)
    job = load("egfr").plan(options("--table", "7", "--out", str(tmp_path)))
    (row,) = [row for row in job.spec.rows if row.id == "radiomics-forest"]
    assert "pip install 'medrepro[radiomics]'" in row.reason
    assert len(job.cells) == SIZES["table 7"] - 3


def test_paper_preset_is_the_papers_protocol(tmp_path: Path) -> None:
    cell = load("egfr").plan(options("--preset", "paper", "--out", str(tmp_path))).cells[-1]
    module, data = (
        kind(**cell.config[part]) for kind, part in zip(load("egfr").classes(), ("module", "data"), strict=True)
    )
    assert module.hparams["backbone"] == "resnet34"
    assert (module.hparams["lr"], module.hparams["weight_decay"], module.hparams["gamma"]) == (1e-4, 1e-8, 0.5)
    assert (data.batch_size, data.batches, data.groups) == (36, "bt", 3)
    assert cell.config["train"]["select"] == "best"


def test_folds_where_the_data_have_no_cohorts(tmp_path: Path) -> None:
    root = str(tmp_path)
    cells = load("egfr").plan(options("--data", "nsclc-slices", "--data-root", root, "--out", root)).cells
    assert {cell.fold for cell in cells} == {0, 1, 2, 3, 4}
    assert len(cells) == 4 * 5 * 3


def slices_archive(root: Path) -> None:
    """Write whole slices in the real archive's layout: mutants a little brighter, two slices a patient."""
    generator = np.random.default_rng(0)
    path = root / "nsclc" / "nsclc_egfr_ct256.tar"
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w") as archive:
        for number in range(45):
            status = "Mutant" if number % 3 == 0 else "Wildtype"
            for plane in range(2):
                pixels = generator.integers(0, 200, (64, 64)) + 40 * (status == "Mutant")
                content = io.BytesIO()
                Image.fromarray(pixels.astype(np.uint8)).save(content, "JPEG")
                member = tarfile.TarInfo(f"{status}/R01-{number:03d}/R01-{number:03d}_CT_{plane}.jpg")
                member.size = len(content.getvalue())
                archive.addfile(member, io.BytesIO(content.getvalue()))


def test_slices_without_an_outline_have_grey_levels_as_their_comparator(tmp_path: Path) -> None:
    slices_archive(tmp_path)
    words = ("--table", "7", "--data", "nsclc-slices", "--data-root", str(tmp_path), "--out", str(tmp_path / "run"))
    job = load("egfr").plan(options(*words))
    cells = {(cell.row, cell.fold): cell for cell in job.cells if cell.seed == 0}
    assert {row for row, _ in cells} == {"ours", "slice-forest", "slice-svm", "slice-tree"}
    for row in ("slice-svm", "slice-tree"):
        parts = [comparators.compute(cells[row, fold], Context()).predictions for fold in range(5)]
        frame = pd.concat([part for part in parts if part is not None])
        assert sorted(frame["patient_id"].unique()) == [f"R01-{number:03d}" for number in range(45)]
        assert len(frame) == 90
        assert roc_auc_score(frame["label"], frame["prob_1"]) > 0.9


def test_features_of_the_largest_slice_give_a_nodule_one_score(tmp_path: Path) -> None:
    job = load("egfr").plan(options("--table", "7", "--preset", "smoke", "--out", str(tmp_path)))
    (cell,) = [cell for cell in job.cells if cell.row == "features-tree"]
    frame = comparators.compute(cell, Context()).predictions
    assert frame is not None
    nodules = frame.drop_duplicates("nodule_id")
    assert len(frame.drop_duplicates(["nodule_id", "prob_1"])) == len(nodules)
    assert roc_auc_score(nodules["label"], nodules["prob_1"]) > 0.6
    assert {"baseline_diameter", "baseline_majority", "diameter_mm"} <= set(frame.columns)


def test_assumptions_of_the_card_and_of_the_runs_agree() -> None:
    card = (Path(egfr.__file__).with_suffix(".md")).read_text()
    for number in range(1, 10):
        assert f"\n{number}. **" in card
    assert [one.text.split(".")[0] for one in list(ASSUMPTIONS.values())[:8]] == [str(n) for n in range(1, 9)]


def test_a_run_from_data_to_report_and_its_reuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--preset", "smoke", "--epochs", "1", "--out", str(tmp_path / "run"), "--quiet"]
    assert egfr.main(words) == 0
    report = Path(capsys.readouterr().out.strip())
    assert report == tmp_path / "run" / "report.html"
    html = report.read_text()
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "other data" in html
    drawn = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn >= {"roc.pdf", "confusion.pdf", "calibration.pdf", "forest.pdf"}
    assert all(path.read_bytes().startswith(b"%PDF") for path in (tmp_path / "run" / "figures").iterdir())
    files = sorted((tmp_path / "run" / "results").rglob("*.json"))
    assert len(files) == 4
    result = json.loads(files[0].read_text())
    assert result["schema"] == 1
    assert result["data"]["surrogate_for"] == "EGFR status"
    assert set(result["baselines"]) == {"majority", "diameter", "pixel-count"}
    frame = pd.read_parquet(files[0].with_suffix(".parquet"))
    assert len(frame) == result["data"]["n_samples"]["test"]
    assert np.allclose(frame["prob_0"] + frame["prob_1"], 1, atol=1e-6)
    assert {"sample_id", "patient_id", "nodule_id", "label", "diameter_mm"} <= set(frame.columns)

    stamps = [file.stat().st_mtime_ns for file in files]
    files[2].unlink()  # as a kill would leave it
    assert egfr.main(words) == 0
    again = [file.stat().st_mtime_ns for file in files]
    assert [new == old for new, old in zip(again, stamps, strict=True)] == [True, True, False, True]


def test_a_checkpoint_loads_without_unpickling_code(tmp_path: Path) -> None:
    from medrepro.lightning_modules.egfr import EGFRModule
    from medrepro.reproduce.run.training import save_model

    module = EGFRModule("resnet18", scale="quick", margin=0.7)
    save_model(module, tmp_path / "model.ckpt")
    loaded = EGFRModule.load_from_checkpoint(tmp_path / "model.ckpt", weights_only=True)
    assert loaded.hparams["margin"] == 0.7
    x = torch.rand(2, 1, 64, 64)
    assert torch.equal(loaded.eval().logits(x), module.eval().logits(x))


def test_mean_cosines_against_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.rand(7, 5, generator=generator), torch.tensor([0, 1, 0, 1, 1, 0, 0])
    pairs: dict[bool, list[float]] = {True: [], False: []}
    for i in range(7):
        for j in range(7):
            if i != j:
                cosine = torch.nn.functional.cosine_similarity(features[i], features[j], dim=0)
                pairs[bool(labels[i] == labels[j])].append(float(cosine))
    found = mean_cosines(features, labels)
    assert found["cosine/within"] == pytest.approx(np.mean(pairs[True]), abs=1e-6)
    assert found["cosine/between"] == pytest.approx(np.mean(pairs[False]), abs=1e-6)


def test_p_values_by_hand() -> None:
    # sex: 57 of 155 against 32 of 56; Pearson's statistic from the definition
    observed = np.array([[57.0, 32.0], [98.0, 24.0]])
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0) / observed.sum()
    statistic = ((observed - expected) ** 2 / expected).sum()
    normal_tail = float(torch.special.erfc(torch.tensor((statistic / 2) ** 0.5, dtype=torch.float64)))
    assert p_values("sex-female")["p/chi2"] == pytest.approx(normal_tail, abs=1e-9)
    assert p_values("sex-female")["p/chi2"] == pytest.approx(0.0082, abs=1e-4)
    assert p_values("age") == {}
    assert p_values("sex-male") == {}


def test_cohort_from_the_real_clinical_table(real_data: Path) -> None:
    from medrepro.datamodules.features import clinical

    path = real_data / "nsclc" / "NSCLCR01Radiogenomic_DATA_LABELS_2018-05-22_1500-shifted.csv"
    table = clinical.known_status(clinical.read_clinical(path))
    assert len(table) == 172
    assert [len(clinical.ct_within(table, days)) for days in (30, 31)] == [71, 74]


def test_real_slices_train(real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "lidc-nodules", "--data-root", str(real_data), "--preset", "smoke", "--epochs", "1"]
    assert egfr.main([*words, "--folds", "1", "--out", str(tmp_path), "--quiet"]) == 0
    capsys.readouterr()
    result = json.loads(next((tmp_path / "results").rglob("*.json")).read_text())
    assert sum(result["data"]["n_samples"].values()) == 5043
    assert result["baselines"]["pixel-count"]["nodule/auc"] > 0.8
