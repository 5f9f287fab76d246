"""Plan the egfr paper's tables that need no training: groups, counts, the cohort, networks, the cost of the loss."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from medrepro.reproduce.papers.egfr.protocol import CLASSES, HERE, KEY, NETWORKS, PROTOCOL, preparation, rows
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.plan.paper import Job
from medrepro.reproduce.plan.protocol import Variant
from medrepro.reproduce.plan.table import Column, RowSpec, TableSpec
from medrepro.reproduce.printed.load import load_paper

GROUPS_A_CLASS = 3  # Sec. 3.2
PAPER_TRAINING_IMAGES = 12_835  # Table 2
PAPER_BATCH = 36  # Sec. 3.1.2
COSTS = {
    "ml-printed": "mixed loss, as printed (Eq. 14)",
    "ml-counted": "mixed loss, 2 l - 1 operations a dot product",
    "bt": "batch training without the clustering (Eq. 13)",
    "total": "both, as printed (Eq. 12)",
    "network": "for scale: ResNet34, forward and backward",
}


def by(function: str) -> dict[str, Any]:
    """Return what makes a variant computed by a function of ``compute.py``."""
    return {"function": f"{HERE}.compute:{function}", "computed": True}


def _on_data(options: Options, spec: TableSpec, variants: list[Variant]) -> Job:
    """Return a job of cells that are computed from the data: one seed, one fold."""
    once = replace(options, seeds=(options.seeds or (0,))[:1])
    cells = PROTOCOL.cells(once, spec.number, variants, folds=1)
    return Job(spec, cells, PROTOCOL.assumptions(options), prepare=preparation(options))


def _without_data(options: Options, spec: TableSpec, variants: list[Variant]) -> Job:
    """Return a job of cells that are computed from the paper's definitions."""
    return Job(spec, PROTOCOL.counted(replace(options, preset="paper"), spec.number, variants))


def table1(options: Options) -> Job:
    """Plan Table 1: the groups that the batch sampler draws from, and how many of each a batch holds."""
    variants = [
        Variant(f"{label}-{rank}", f"{name}, group {rank + 1}", data={"batches": "bt"}, **by("groups"))
        for label, name in enumerate(CLASSES[options.data])
        for rank in range(GROUPS_A_CLASS)
    ]
    spec = TableSpec(
        key=KEY,
        number="1",
        title="The construction procedure of the batch samples, carried out",
        columns=(
            Column("group/images", "training images", digits=0),
            Column("group/share", "share, %", scale=100),
            Column("group/expected", "seats in a batch, by proportion", digits=2),
            Column("group/least", "fewest in a full batch", digits=0),
            Column("group/most", "most in a full batch", digits=0),
        ),
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        notes=("The paper's Table 1 is a procedure of four steps and prints no numbers.",),
        ranked=False,
    )
    return _on_data(options, spec, variants)


def table2(options: Options) -> Job:
    """Plan Table 2: image counts of the cohorts, ours and the paper's."""
    variants = [
        Variant(row, label, **by("counts"))
        for row, label in (("training", "training"), ("validation", "validation (our test)"), ("number", "images"))
    ]
    variants.append(Variant("total", "total of images", **by("counts")))
    negative, positive = CLASSES[options.data]
    spec = TableSpec(
        key=KEY,
        number="2",
        title="The construction of the dataset",
        columns=(
            Column("images/positive", f"class 1 ({positive})", paper="mutant", digits=0),
            Column("images/negative", f"class 0 ({negative})", paper="wild", digits=0),
            Column("images/share", "class 1, %", scale=100),
            Column("images/patients", "patients", digits=0),
        ),
        rows=rows("2", variants),
        notes=(
            "Class 1 is EGFR-mutant in the paper.",
            "The paper's shares of training images are 80.05 % of the mutant and 80.01 % of the wild-type ones, in "
            "cohorts of 155 and 56 patients from two hospitals: what a random split of all images would give.",
        ),
        ranked=False,
    )
    return _on_data(options, spec, variants)


def table4(options: Options) -> Job:
    """Plan Table 4: parameters and operations of the five networks at the paper's scale, whatever the preset."""
    variants = [
        Variant(name, label, {"backbone": name, "scale": "paper"}, **by("network")) for name, label in NETWORKS.items()
    ]
    spec = TableSpec(
        key=KEY,
        number="4",
        title="The parameters and computational complexity of the compared networks",
        columns=(
            Column("network/parameters", "parameters, M", paper="parameters", digits=3),
            Column("network/difference", "off by, %", digits=2),
            Column("network/macs", "multiply-adds, M", paper="flops", digits=1),
            Column("network/flops", "2 x multiply-adds, M", digits=1),
        ),
        rows=rows("4", variants),
        notes=(
            "The paper prints no widths; ours fit its parameters, BatchNorm counted 4 a channel as Keras does.",
            "No family of widths fits its FLOPs as well: ResNet34 and ResNet18 of one family differ in parameters by a "
            "factor of at least 1.66, the table's differ by 1.29.",
        ),
        ranked=False,
    )
    return _without_data(options, spec, variants)


def complexity(options: Options) -> Job:
    """Plan the cost model of Sec. 2.4 at the paper's sizes."""
    sizes = {"batch_size": PAPER_BATCH, "images": PAPER_TRAINING_IMAGES}
    variants = [Variant(row, label, sizes, **by("complexity")) for row, label in COSTS.items()]
    spec = TableSpec(
        key=KEY,
        number="complexity",
        title="Cost of batch training and the mixed loss, Eqs. 12-14",
        columns=(
            Column("cost/flops", "operations an iteration, M", digits=2),
            Column("cost/share", "of the network's own, %", scale=100, digits=3),
        ),
        rows=tuple(RowSpec(variant.row, variant.label) for variant in variants),
        notes=(
            "n_b = 36, l = 512, C = 2, 12,835 training images. Eq. 14 charges l^2 + l - 1 operations for a dot product "
            "of length l, which takes 2 l - 1.",
        ),
        ranked=False,
    )
    return _without_data(options, spec, variants)


def table3(options: Options) -> Job:
    """Plan Table 3."""
    from medrepro.reproduce.papers.egfr.clinical import DEFAULT_CSV, MONTHS, ROWS

    given = options.flags.get("clinical-csv")
    found = Path(options.data_root, DEFAULT_CSV) if options.data_root else None
    path = given or (str(found) if found and found.is_file() else None)
    if path:
        from medrepro.datamodules.features import clinical

        clinical.read_clinical(Path(path).expanduser())  # a bad table is refused before anything is written
    printed = load_paper(KEY).table("3")
    # What is counted is the clinical table: it, and not a folder of images, identifies the cell.
    data = {"data_root": str(Path(path).expanduser().parent) if path else None}
    function = f"{HERE}.clinical:compute"
    variants = [Variant(row, printed.rows[row].label, {"clinical_csv": path}, data, function=function) for row in ROWS]
    rows = tuple(
        RowSpec(
            variant.row,
            variant.label,
            {name: cell.printed for name in printed.columns if (cell := printed.cell(variant.row, name)) is not None},
        )
        for variant in variants
    )
    columns = [
        Column("cohort/known", "EGFR status known", paper="training", digits=0),
        *(Column(f"cohort/within{days}", f"CT within {days} days", digits=0) for days in MONTHS),
        Column("p/chi2", "p, chi-square", paper="p", digits=4),
        Column("p/fisher", "p, Fisher", digits=4),
    ]
    spec = TableSpec(
        key=KEY,
        number="3",
        title="The clinical characteristics of patients",
        columns=tuple(columns),
        rows=rows,
        ranked=False,
        notes=(
            "p-values compare the paper's own counts of training and validation patients; age has no counts.",
            *_cohort_notes(path),
        ),
    )
    return _without_data(options, spec, variants)


def _cohort_notes(path: str | None) -> tuple[str, ...]:
    if path is None:
        return ("The cohort's columns are counted in the clinical table of NSCLC Radiogenomics: --clinical-csv FILE.",)
    from medrepro.datamodules.features import clinical
    from medrepro.reproduce.papers.egfr.clinical import MONTHS

    table = clinical.known_status(clinical.read_clinical(Path(path).expanduser()))
    left = [len(clinical.ct_within(table, days)) for days in MONTHS]
    return (
        f"{len(table)} patients have a known EGFR status. The paper's exclusion 'exceeding 1 month from CT' "
        f"leaves {left[0]} to {left[1]} of them, not the 155 that it trains on.",
    )
