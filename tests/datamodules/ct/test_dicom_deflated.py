"""A deflated file that would fill the memory is refused before it does; honest ones pass."""

import tracemalloc
import zlib
from pathlib import Path

import pytest

from medrepro.datamodules.ct.dicom import MAX_INFLATED, check_deflated, scan_dicom
from medrepro.datamodules.ct.read import read_ct
from medrepro.datamodules.support.errors import InputError
from tests.datamodules._ct_series import Scanner, phantom, write_ct


def bomb(path: Path, size: int) -> None:
    """Let a deflated slice be followed by zeros, as if they were its pixels."""
    data = path.read_bytes()
    begin = 144 + int.from_bytes(data[140:144], "little")
    plain = zlib.decompress(data[begin:], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    with path.open("wb") as file:
        file.write(data[:begin] + packer.compress(plain))
        for _ in range(size >> 20):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    files = write_ct(tmp_path, phantom(), scanner=Scanner("deflated"))
    bomb(files[2], MAX_INFLATED + (1 << 20))
    assert files[2].stat().st_size < 1 << 20
    tracemalloc.start()
    found = scan_dicom(files)
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()
    assert found.unreadable == [(files[2], "more than 256 MB when inflated: no CT slice")]
    with pytest.raises(InputError, match="1 files cannot be read"):
        read_ct(tmp_path)


def test_others_pass(tmp_path: Path) -> None:
    for number, syntax in enumerate(("deflated", "explicit little endian")):
        check_deflated(write_ct(tmp_path / str(number), phantom(), scanner=Scanner(syntax))[0])
    (tmp_path / "text").write_text("none")
    check_deflated(tmp_path / "text")
    assert len(scan_dicom(sorted(tmp_path.rglob("*"))).series) == 2
