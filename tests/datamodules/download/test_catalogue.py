"""The catalogue: every name has what a user must know before agreeing, and nothing heavy is imported for it."""

import subprocess
import sys

import pytest

from medrepro.datamodules.download import catalogue
from medrepro.datamodules.download.catalogue import find, names
from medrepro.datamodules.support.errors import InputError


def test_every_data_set_says_what_one_agrees_to() -> None:
    found = [find(name) for name in names()]
    assert [dataset.name for dataset in found] == names()
    assert len(names()) == 2 + 2 + 18
    for dataset in found:
        assert dataset.licence.startswith("CC BY")
        assert dataset.page.startswith("https://")
        assert "20" in dataset.citation
        assert dataset.about_bytes > 100_000
        assert bool(dataset.files) != bool(dataset.series)
        assert all(file.url.startswith("https://") for file in dataset.files)
        assert "{folder}" in dataset.use


def test_medmnist_is_checked_by_its_published_md5_in_every_size() -> None:
    from medmnist.info import INFO

    file = find("pneumoniamnist", 64).files[0]
    assert file.name == "pneumoniamnist_64.npz"
    assert (file.url, file.md5) == (INFO["pneumoniamnist"]["url_64"], INFO["pneumoniamnist"]["MD5_64"])
    assert find("pneumoniamnist").files[0].name == "pneumoniamnist.npz"
    assert find("nodulemnist3d", 64).about_bytes > 1633 * 64**3


def test_some_patients_only() -> None:
    whole, part = find("lidc"), find("lidc", patients=["LIDC-IDRI-0001", "LIDC-IDRI-0132"])
    assert {one.patient for one in part.series} == {"LIDC-IDRI-0001", "LIDC-IDRI-0132"}
    assert "3 CT series of 2 patients" in part.title  # 0132 was scanned twice
    assert part.about_bytes < whole.about_bytes
    assert set(part.series) < set(whole.series)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no data set 'nothing'; allowed: lidc, nsclc"),
        (("lidc", 64), "--size 64: only MedMNIST"),
        (("nodulemnist3d", 128), "nodulemnist3d has 28, 64"),
        (("livecell", 28, ("A",)), "--patients: only lidc and nsclc"),
        (("lidc", 28, ("LIDC-IDRI-9999",)), "no such patient; its patients are LIDC-IDRI-0001 to LIDC-IDRI-1012"),
    ],
)
def test_what_there_is_not(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(*arguments)  # type: ignore[arg-type]


def test_without_medmnist(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue._medmnist.cache_clear()
    monkeypatch.setattr("medrepro.datamodules.download.catalogue.importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install medmnist"):
        names()
    monkeypatch.undo()
    catalogue._medmnist.cache_clear()
    assert "pneumoniamnist" in names()


def test_the_command_loads_no_torch() -> None:
    code = (
        "import sys; from medrepro.datamodules.download.__main__ import main; "
        "main(['octmnist', '--dry-run']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("# octmnist: OCTMNIST of MedMNIST, 109309 images")
    assert done.stdout.splitlines()[-1] == "False"
