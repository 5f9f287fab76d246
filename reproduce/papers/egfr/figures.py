"""Draw Figure 4 of the egfr paper, and the examples that its trained tables show: patches of both classes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Canvas

from medrepro.datamodules.ct.published_slices import lidc_nodule_slices, nsclc_slices
from medrepro.datamodules.lidc.cohorts import embedded_slices
from medrepro.datamodules.prepare.records import prepared_slices
from medrepro.datamodules.records import Records
from medrepro.reproduce.evaluation.table_view import TableView
from medrepro.reproduce.papers.egfr.protocol import cohort
from medrepro.reproduce.plan.options import Options
from medrepro.reproduce.report.figures.canvas import WIDTH, Figure
from medrepro.reproduce.report.figures.gallery import Example, gallery
from medrepro.reproduce.report.figures.style import RC

SAMPLES = 6  # a class
HU = (-1000.0, 400.0)
MM = 1.0  # side of a pixel of the embedded patches


def records(options: Options) -> Records:
    """Return the records that the options train on."""
    if options.embedded:
        return embedded_slices(options.cache_dir, cohort(options))
    root = Path(options.data_root or ".").expanduser()
    if options.data == "nsclc":
        return prepared_slices(root)
    return lidc_nodule_slices(root) if options.data == "lidc-nodules" else nsclc_slices(root)


def shown(images: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Window HU (int16) or scale grey values (uint8) to [0, 1]."""
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else HU
    return np.clip((np.asarray(images, dtype=np.float64) - low) / (high - low), 0, 1)


def samples(source: Records, classes: Sequence[str], seed: int = 0) -> Figure:
    """Draw ``SAMPLES`` patches a class, each of another patient, with a 10 mm scale bar where the scale is known."""
    draw = np.random.default_rng(seed)
    with mpl.rc_context(RC):
        canvas = Canvas(figsize=(1.6 * WIDTH, 0.62 * WIDTH), layout="constrained")
        axes = canvas.subplots(len(classes), SAMPLES, squeeze=False)
        for label, name in enumerate(classes):
            for axis, index in zip(axes[label], _one_a_patient(source, label, draw), strict=False):
                axis.imshow(shown(source.images[index, 0]), cmap="gray", vmin=0, vmax=1)
                if source.tier == "embedded":
                    axis.plot([4, 4 + 10 / MM], [60, 60], color="white", linewidth=2)
            axes[label, 0].set_ylabel(name)
        for axis in axes.ravel():
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
    bar = " Bar: 10 mm." if source.tier == "embedded" else ""
    caption = f"{SAMPLES} patches a class, each of another patient, by a fixed seed; {source.kind}.{bar}"
    return Figure("samples", "Samples of both classes", caption, canvas, wide=True)


def _one_a_patient(source: Records, label: int, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    index = draw.permutation(np.flatnonzero(source.labels == label))
    _, first = np.unique(source.patients[index], return_index=True)
    return index[np.sort(first)[:SAMPLES]]


class Gallery:
    """Two right and two wrong patches of each class, those that the network was surest of, one a patient."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def __call__(self, view: TableView) -> Sequence[Figure]:
        """Return the gallery, or nothing where the last row has no predictions."""
        runs = view.evidence.rows.get(view.spec.rows[-1].id, {})
        result = next(iter(runs.values()), None)
        if result is None or result.predictions is None:
            return ()
        frame = result.predictions.frame
        source = records(self.options)
        place = dict(zip(source.table["sample_id"], range(len(source)), strict=True))
        chosen = self._choose(frame["label"].to_numpy(), frame["prob_1"].to_numpy(), frame["patient_id"].to_numpy())
        found = [
            self._example(source, place[frame["sample_id"].iloc[i]], float(frame["prob_1"].iloc[i])) for i in chosen
        ]
        caption = f"{view.spec.rows[-1].label}, first run: the surest of each kind, one a patient."
        figure = gallery(found, "Examples right and wrong", caption)
        return () if figure is None else (figure,)

    def _choose(
        self, labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], patients: npt.NDArray[np.object_]
    ) -> list[int]:
        chosen: list[int] = []
        for label in (0, 1):
            for right in (True, False):
                of_kind = np.flatnonzero((labels == label) & (((scores >= 0.5) == label) == right))
                surest = of_kind[np.argsort(-np.abs(scores[of_kind] - 0.5), kind="stable")]
                _, first = np.unique(patients[surest], return_index=True)
                chosen.extend(int(i) for i in surest[np.sort(first)[:2]])
        return chosen

    def _example(self, source: Records, index: int, score: float) -> Example:
        predicted = int(score >= 0.5)
        return Example(
            image=shown(np.asarray(source.images[index])),
            truth=source.classes[int(source.labels[index])],
            predicted=source.classes[predicted],
            probability=score if predicted else 1 - score,
            spacing_mm=MM if source.tier == "embedded" else None,
        )
