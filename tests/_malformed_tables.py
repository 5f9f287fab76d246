"""Malformed arguments, YAML, CSV and slices, for the egfr command, the audit and the claims."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests._malformed import YAML_BOMB, Bomb, Case, Place, Words, picture, python_tag, tarred

EGFR, AUDIT, CLAIMS = "medrepro.reproduce.egfr", "medrepro.reproduce.audit", "medrepro.reproduce.claims"
COLUMNS = (
    "Patient ID", "Gender", "Smoking status", "Histology", "EGFR mutation status", "Age at Histological Diagnosis",
    "Days between CT and surgery",
)  # fmt: skip
NANS = np.full((12, 64, 64), np.nan)
PATIENT = ("R01-001", "Male", "Former", "Adenocarcinoma", "Mutant", "63", "12")


def egfr(*words: str) -> Callable[[Place], Words]:
    return lambda place: [*words, "--preset", "smoke", "--quiet", "--out", str(place.out)]


def config(text: str | bytes) -> Callable[[Place], Words]:
    return lambda place: egfr("--config", place.file("my.yaml", text))(place)


def tagged(place: Place) -> Words:
    return egfr("--config", place.file("my.yaml", f"cache_dir: {python_tag(place.bait)}\n"))(place)


def clinical(*rows: tuple[str, ...], columns: tuple[str, ...] = COLUMNS) -> Callable[[Place], Words]:
    text = "\n".join(",".join(row) for row in (columns, *rows)) + "\n"
    return clinical_text(text)


def clinical_text(text: str | bytes) -> Callable[[Place], Words]:
    return lambda place: egfr("--table", "3", "--clinical-csv", place.file("clinical.csv", text))(place)


clinical_gone = egfr("--table", "3", "--clinical-csv", "/no/such.csv")


def changed(column: str, value: str) -> tuple[str, ...]:
    return tuple(value if name == column else old for name, old in zip(COLUMNS, PATIENT, strict=True))


def at_a_file(*words: str) -> Callable[[Place], Words]:
    return lambda place: [*words, "--out", place.file("taken", "a file")]


def at_read_only(*words: str) -> Callable[[Place], Words]:
    return lambda place: [*words, "--out", str(place.fixture("read_only") / "run")]


def on_a_full_disk(*words: str) -> Callable[[Place], Words]:
    def fill(place: Place) -> Words:
        disk: Path = place.fixture("tiny_disk")
        (disk / "full").write_bytes(bytes((1 << 20) - 4096))  # a page is left: enough for folders
        (disk / "run").mkdir()
        (disk / "rest").write_bytes(bytes(4096))
        return [*words, "--preset", "smoke", "--quiet", "--jobs", "1", "--out", str(disk / "run")]

    return fill


def with_a_full_cache(place: Place) -> Words:
    """The nodule table is made in a moment and does not fit."""
    import pandas as pd

    from medrepro.datamodules.lidc import table as lidc_table

    patch, rng = place.fixture("monkeypatch"), np.random.default_rng(0)
    bits = rng.integers(0, 256, 3_000_000, dtype=np.uint8)
    store = lidc_table.NoduleStore(
        pd.DataFrame({"nodule_id": ["a"]}), bits, np.array([0, 0]), np.array([[1, 1, 1]]), np.array([[0, 0, 0]])
    )
    patch.setattr(lidc_table, "read_database", lambda _: None)
    patch.setattr(lidc_table, "build_store", lambda _: store)
    return egfr("--cache-dir", str(place.fixture("tiny_disk") / "cache"))(place)


def cache_in_a_file(place: Place) -> Words:
    return egfr("--cache-dir", place.file("taken", "a file"))(place)


def saved(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def nodules(**changes: Any) -> dict[str, Any]:
    """Six nodules of two slices."""
    usual = {
        "slices": np.zeros((12, 64, 64), np.uint8),
        "offsets": np.arange(0, 13, 2),
        "label": np.arange(6) % 2,
        "exam_id": np.arange(6),
        "nodule_id": np.arange(6),
    }
    return {**usual, **changes}


def lidc(content: Callable[[Place], bytes]) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        place.file("lidc_nodules/lidc_masked_nodules.npz", content(place))
        return egfr("--data", "lidc-nodules", "--data-root", str(place.given), "--folds", "1", "--jobs", "1")(place)

    return write


def nsclc(content: bytes) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        place.file("nsclc/nsclc_egfr_ct256.tar", content)
        return egfr("--data", "nsclc-slices", "--data-root", str(place.given), "--folds", "1", "--jobs", "1")(place)

    return write


def bombed(place: Place) -> bytes:
    return saved(**nodules(slices=np.array([Bomb(place.bait)], dtype=object)))


def audit(text: str | bytes | Callable[[Place], str]) -> Callable[[Place], Words]:
    def write(place: Place) -> Words:
        written = text(place) if callable(text) else text
        return [place.file("table.yaml", written), "--quiet", "--out", str(place.out)]

    return write


HEAD = 'schema: 1\nkey: mine\ntitle: Mine\ntables:\n  "1":\n    title: T\n    columns:\n'
TABLE = (
    f"{HEAD}      acc: {{label: ACC, means: accuracy, unit: percent}}\n    rows:\n      a: {{label: A, acc: 81.5}}\n"
)


def tagged_table(place: Place) -> str:
    return f"{TABLE}citation: {python_tag(place.bait)}\n"


CASES = (
    Case("unknown flag", EGFR, egfr("--nothing"), "nothing"),
    Case("unknown table", EGFR, egfr("--table", "99"), r"--table 99: not known; allowed: 5, "),
    Case("two targets", EGFR, egfr("--table", "5", "--study", "leakage"), "choose one"),
    Case("a seed that is no number", EGFR, egfr("--seeds", "one"), "seeds"),
    Case("no cells at a time", EGFR, egfr("--jobs", "0"), "must be at least 1"),
    Case("unknown data", EGFR, egfr("--data", "mine"), "--data mine: not known"),
    Case("data without a root", EGFR, egfr("--data", "lidc-nodules"), "needs --data-root"),
    Case("a root that is not there", EGFR, egfr("--data", "lidc-nodules", "--data-root", "/no/such"), "no such folder"),
    Case("an empty root", EGFR, lambda p: egfr("--data", "lidc-nodules", "--data-root", str(p.given))(p), "not found"),
    Case("out is a file", EGFR, at_a_file("--table", "3", "--preset", "smoke"), "cannot write to"),
    Case("out is read-only", EGFR, at_read_only("--table", "3", "--preset", "smoke"), "cannot write to"),
    Case("the disk of the results is full", EGFR, on_a_full_disk("--table", "3"), "No space left|cannot write"),
    Case("the disk of the cache is full", EGFR, with_a_full_cache, "No space left"),
    Case("the cache is a file", EGFR, cache_in_a_file, "cannot write to .*--cache-dir"),
    Case("a config that is not there", EGFR, egfr("--config", "/no/such.yaml"), "such.yaml"),
    Case("a config that is no YAML", EGFR, config("table: [5\n"), "my.yaml|YAML|parsing|expected"),
    Case("a config with an unknown key", EGFR, config("nothing: 1\n"), "nothing"),
    Case("a config with a wrong type", EGFR, config("jobs: many\n"), "jobs"),
    Case("a config of bytes", EGFR, config(bytes(range(256))), "my.yaml|config"),
    Case("a config with a python tag", EGFR, tagged, "python"),
    Case("a clinical table that is not there", EGFR, clinical_gone, "not found"),
    Case("a clinical table without columns", EGFR, clinical(PATIENT[:2], columns=COLUMNS[:2]), "lacks the columns"),
    Case("a patient twice", EGFR, clinical(PATIENT, PATIENT), "line 3: patient 'R01-001' occurs twice"),
    Case("an unknown EGFR status", EGFR, clinical(changed(COLUMNS[4], "Perhaps")), "'Perhaps'; allowed: Wildtype"),
    Case("an age that is no number", EGFR, clinical(changed(COLUMNS[5], "old")), "'old'; allowed: 0 to 120"),
    Case("an age of nan", EGFR, clinical(changed(COLUMNS[5], "nan")), "'nan'; allowed: 0 to 120"),
    Case("an empty clinical table", EGFR, clinical_text(""), "not a CSV table"),
    Case("a clinical table of bytes", EGFR, clinical_text(bytes(range(256))), "not a CSV table|lacks the columns"),
    Case("a clinical table cut inside a quote", EGFR, clinical_text('Patient ID,"Gen'), "not a CSV table|lacks the"),
    Case("slices that are no npz", EGFR, lidc(lambda _: b"no npz at all"), "is damaged"),
    Case("slices cut off", EGFR, lidc(lambda _: saved(**nodules())[:900]), "is damaged"),
    Case("slices with a pickle", EGFR, lidc(bombed), "cannot be read"),
    Case("slices without labels", EGFR, lidc(lambda _: saved(slices=np.zeros((2, 64, 64)))), "cannot be read"),
    Case("slices fewer than told", EGFR, lidc(lambda _: saved(**nodules(offsets=np.arange(0, 19, 3)))), "offsets"),
    Case("slices of nan", EGFR, lidc(lambda _: saved(**nodules(slices=NANS))), "slices|NaN|nan"),
    Case("a tar that is none", EGFR, nsclc(b"no tar at all" * 99), "tar"),
    Case("a tar cut off", EGFR, nsclc(tarred({"Mutant/P1/1.jpg": picture(64, "JPEG")})[:700]), "tar|no CT slices"),
    Case("an empty tar", EGFR, nsclc(tarred({})), "nsclc_egfr"),
    Case("an unknown class in a tar", EGFR, nsclc(tarred({"Perhaps/P1/1.jpg": picture(64, "JPEG")})), "Perhaps"),
    Case("a member that is no image", EGFR, nsclc(tarred({"Mutant/P1/1.jpg": b"text"})), "Mutant/P1/1.jpg"),
    Case(
        "a patient in two classes", EGFR,
        nsclc(tarred({f"{name}/P1/1.jpg": picture(64, "JPEG") for name in ("Mutant", "Wildtype")})), "P1 is filed",
    ),
    Case("an image bomb in a tar", EGFR, nsclc(tarred({"Mutant/P1/1.png": picture(20000)})), "Mutant/P1/1.png"),
    Case("an audit of nothing", AUDIT, lambda p: [str(p.given / "none.yaml"), "--out", str(p.out)], "no such file"),
    Case("an audit of a folder", AUDIT, lambda p: [str(p.given), "--out", str(p.out)], "this is a folder"),
    Case("an audit of an empty file", AUDIT, audit(""), "the file is empty"),
    Case("an audit of bytes", AUDIT, audit(b"\xff\xfe\x00"), "not a UTF-8 text|not valid YAML"),
    Case("an audit of no YAML", AUDIT, audit("tables: [1\n"), r"table.yaml:\d+: not valid YAML"),
    Case("an audit of control characters", AUDIT, audit("a: \x00\n"), "not valid YAML"),
    Case("an audit with a python tag", AUDIT, audit(tagged_table), "single value"),
    Case("an audit with an unknown key", AUDIT, audit(f"{TABLE}nothing: 1\n"), "'nothing' is not known here"),
    Case("an audit with a key twice", AUDIT, audit(f"{TABLE}key: again\n"), "stands twice"),
    Case("an audit of a list", AUDIT, audit("- 1\n"), "expected `key: value` pairs"),
    Case("an audit of 181.5 percent", AUDIT, audit(TABLE.replace("81.5", "181.5")), r"outside \[0, 100\]"),
    Case("an audit of a YAML bomb", AUDIT, audit(YAML_BOMB), "not known|missing|bomb"),
    Case("an audit of endless brackets", AUDIT, audit("a: " + "[" * 600), "nested deeper"),
    Case("an audit into a file", AUDIT, at_a_file("egfr", "--quiet"), "cannot write to"),
    Case("an audit into a read-only folder", AUDIT, at_read_only("egfr", "--quiet"), "cannot write to"),
    Case("claims of an unknown paper", CLAIMS, lambda p: ["nothing", "--out", str(p.out)], "nothing"),
    Case("claims into a read-only folder", CLAIMS, at_read_only("egfr", "--quiet"), "cannot write to"),
)  # fmt: skip
