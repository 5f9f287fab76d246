"""MedMNIST files: found beside the user's data, class names, and what is said without a network."""

from pathlib import Path

import pytest

from medrepro.datamodules.images.medmnist import medmnist_classes, medmnist_file
from medrepro.datamodules.support.errors import InputError


def test_a_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "pneumoniamnist_64.npz").write_bytes(b"")
    assert medmnist_file("pneumoniamnist", tmp_path, 64) == tmp_path / "pneumoniamnist_64.npz"


@pytest.mark.parametrize(("size", "name"), [(28, "octmnist.npz"), (224, "octmnist_224.npz")])
def test_without_a_network_it_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, name: str
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", unreachable)
    with pytest.raises(FileNotFoundError, match=rf"{name} is not in .*get https://.*{name}.* put it into"):
        medmnist_file("octmnist", tmp_path / "new", size)  # type: ignore[arg-type]  # int, from the list above


def test_classes_and_unknown_sets() -> None:
    assert medmnist_classes("pneumoniamnist") == ("normal", "pneumonia")
    assert len(medmnist_classes("octmnist")) == 4
    with pytest.raises(InputError, match="no data set 'covidmnist'; it has .*bloodmnist"):
        medmnist_classes("covidmnist")
