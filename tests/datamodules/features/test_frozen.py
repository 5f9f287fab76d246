import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from medrepro.datamodules.features.frozen import cached_features, network_sha256
from medrepro.lightning_modules.networks.transfer import TransferNet
from tests._present import present

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)


class Counted:
    """Channel means, with a count of the images that went through."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.images = 0
        self.wait_s = wait_s

    def __call__(self, images: Tensor) -> Tensor:
        self.images += len(images)
        time.sleep(self.wait_s)
        return images.mean(dim=(2, 3))


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "features").glob("*.npz"))


def test_features_are_computed_once(tmp_path: Path) -> None:
    extract = Counted()
    first = cached_features(extract, IMAGES, {"net": "a"}, 3, tmp_path, batch_size=4)
    second = cached_features(extract, IMAGES, {"net": "a"}, 3, tmp_path, batch_size=7)
    assert extract.images == 10
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, IMAGES.mean(axis=(2, 3)) / 255, atol=1e-6)


def test_any_change_of_pixels_or_network_is_another_entry(tmp_path: Path) -> None:
    extract = Counted()
    changed = IMAGES.copy()
    changed[-1, -1, -1, -1] ^= 1
    for images, net in ((IMAGES, "a"), (changed, "a"), (IMAGES, "b"), (IMAGES[::-1], "a")):
        cached_features(extract, images, {"net": net}, 3, tmp_path)
    assert extract.images == 40
    assert len(entries(tmp_path)) == 4


@pytest.mark.parametrize("damage", ["cut off", "one number changed"])
def test_a_damaged_entry_is_noticed_and_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    extract = Counted()
    good = cached_features(extract, IMAGES, {"net": "a"}, 3, tmp_path)
    (entry,) = entries(tmp_path)
    if damage == "cut off":
        entry.write_bytes(entry.read_bytes()[:200])
    else:
        number, changed = good[:1, :1].tobytes(), (good[:1, :1] + 1).tobytes()
        assert entry.read_bytes().count(number) == 1
        entry.write_bytes(entry.read_bytes().replace(number, changed))
    caplog.set_level(logging.WARNING)
    np.testing.assert_array_equal(cached_features(extract, IMAGES, {"net": "a"}, 3, tmp_path), good)
    assert extract.images == 20
    assert "is damaged" in caplog.text


def test_the_size_is_said_before_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class StopError(Exception):
        pass

    def fail(_images: Tensor) -> Tensor:
        raise StopError

    with pytest.raises(StopError):
        cached_features(fail, IMAGES, {"net": "a"}, 250_000, tmp_path)
    assert "10 images x 250000 = 10.0 MB" in capsys.readouterr().err
    assert entries(tmp_path) == []


def test_two_at_once_compute_it_once(tmp_path: Path) -> None:
    extract = Counted(wait_s=0.2)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(cached_features(extract, IMAGES, {"net": "a"}, 3, tmp_path, batch_size=10))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert extract.images == 10
    assert len(results) == 3
    np.testing.assert_array_equal(results[0], results[2])


def test_the_networks_hash_sees_every_tensor() -> None:
    norm = torch.nn.BatchNorm2d(4)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), norm)
    before = network_sha256(network)
    assert before == network_sha256(network)
    present(norm.running_mean)[2] += 1e-6
    assert network_sha256(network) != before


def test_cached_features_give_the_logits_of_the_whole_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = TransferNet("mobilenetv3_small_050", num_classes=8).eval()
    features = cached_features(network.features, IMAGES, {"net": "a"}, network.num_features, tmp_path, batch_size=3)
    network.head.standardise_by(torch.from_numpy(features))
    with torch.no_grad():
        whole = network(torch.from_numpy(IMAGES).float() / 255)
        cached = network.head(torch.from_numpy(features))
    torch.testing.assert_close(cached, whole, atol=1e-4, rtol=0)
