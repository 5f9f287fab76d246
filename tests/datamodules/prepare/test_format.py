"""A prepared folder is taken only whole, unchanged and of this version; every refusal says what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medrepro.datamodules.prepare.format import FILES, FORMAT, VERSION, is_prepared, open_prepared, sha256
from medrepro.datamodules.prepare.units import Part, Plan, Unit, assemble, finish, prepare_parts
from medrepro.datamodules.support.errors import InputError


class Made(Unit):
    """A unit without a scan."""

    def read(self) -> Part:
        images = np.full((1, 8, 8), len(self.key), np.int16)
        return Part(images, images > 0, [{"sample_id": self.key, "patient_id": self.patient_id}], {"slices": 1})


def whole(out: Path) -> Path:
    """Write a finished folder of two images by hand-made units."""
    plan = Plan("folder", {}, (8, 8), tuple(Made(key, "P", (), out, 1) for key in ("a", "bb")))
    assert prepare_parts(plan, out, workers=1, strict=False, quiet=True) == []
    assert assemble(plan, out, []).images == 2
    files = {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in FILES}
    finish(out, {"format": FORMAT, "version": VERSION, "name": "folder", "files": files}, "# card")
    return out


def change_card(key: str, value: object) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        card = json.loads((out / "card.json").read_text())
        (out / "card.json").write_text(json.dumps(card | {key: value}))

    return change


def flip_a_bit(out: Path) -> None:
    data = bytearray((out / "images.npy").read_bytes())
    data[-1] ^= 1
    (out / "images.npy").write_bytes(bytes(data))


def half(out: Path) -> None:
    (out / "card.json").unlink()
    (out / ".parts").mkdir()


def shorter_table(out: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(out / "table.parquet")
    card = json.loads((out / "card.json").read_text())
    card["files"]["table.parquet"] = {
        "bytes": (out / "table.parquet").stat().st_size,
        "sha256": sha256(out / "table.parquet"),
    }
    (out / "card.json").write_text(json.dumps(card))


def pickled(out: Path) -> None:
    np.save(out / "images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    card = json.loads((out / "card.json").read_text())
    card["files"]["images.npy"]["bytes"] = (out / "images.npy").stat().st_size
    (out / "card.json").write_text(json.dumps(card))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "another version": (change_card("version", 0), "format 0, this program reads 1; prepare it: python -m"),
    "another name": (change_card("name", "lidc"), "prepared as 'lidc', not 'folder'; prepare it"),
    "half prepared": (half, "half prepared; run the same python -m medrepro.datamodules.prepare again"),
    "a file is missing": (lambda out: (out / "masks.npy").unlink(), "masks.npy is not what its card says; delete"),
    "a file is cut": (lambda out: (out / "images.npy").write_bytes(b"x"), "images.npy is not what its card says"),
    "one bit is wrong": (flip_a_bit, "images.npy is not what its card says"),
    "the card is cut": (lambda out: (out / "card.json").write_text("{"), "card.json is damaged"),
    "another card": (lambda out: (out / "card.json").write_text("{}"), "card.json is damaged"),
    "another format": (change_card("format", "x"), "is no card of a prepared folder"),
    "another table": (shorter_table, "2 images, 2 masks, 1 rows; prepare it again"),
    "a pickle": (pickled, "cannot be read|not what its card says"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_folder_that_is_not_right_is_refused(tmp_path: Path, what: str) -> None:
    assert len(SPOILT) == 11
    spoil, said = SPOILT[what]
    out = whole(tmp_path / "out")
    spoil(out)
    with pytest.raises(InputError, match=said):
        open_prepared(out, "folder", verify=True)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    out = whole(tmp_path / "out")
    pickled(out)
    with pytest.raises(InputError, match="cannot be read"):
        open_prepared(out)


def test_a_right_one_is_mapped(tmp_path: Path) -> None:
    data = open_prepared(whole(tmp_path / "out"), "folder", verify=True)
    assert isinstance(data.images, np.memmap)
    assert data.images[:, 0, 0].tolist() == [1, 2]
    assert data.table["sample_id"].tolist() == ["a", "bb"]
    assert data.masks().all()
    assert data.masks().shape == (2, 8, 8)
    assert is_prepared(tmp_path / "out")


def test_no_prepared_folder_at_all(tmp_path: Path) -> None:
    assert not is_prepared(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no prepared folder \(it has no card.json\); prepare it: python -m"):
        open_prepared(tmp_path)
    shutil.copy(whole(tmp_path / "out") / "images.npy", tmp_path)
    with pytest.raises(FileNotFoundError, match="no prepared folder"):
        open_prepared(tmp_path / "nothing")
