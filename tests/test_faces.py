"""Public faces: every promised name is there and documented, and asking for none imports no torch."""

import importlib
import subprocess
import sys

import pytest

FACES = [
    f"medrepro.{name}"
    for name in (
        "datamodules",
        "lightning_modules",
        "lightning_modules.explain",
        "lightning_modules.losses",
        "lightning_modules.networks",
        "reproduce.evaluation",
        "sweeps",
    )
]


@pytest.mark.parametrize("name", FACES)
def test_every_promised_name_is_there_and_documented(name: str) -> None:
    package = importlib.import_module(name)
    assert len(package.__all__) > 2
    assert package.__doc__
    for promised in package.__all__:
        found = getattr(package, promised)
        assert found.__doc__ or not callable(found), promised
        assert promised in dir(package)


@pytest.mark.parametrize("name", FACES)
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(AttributeError, match=f"No {name} attribute Nothing"):
        importlib.import_module(name).Nothing  # noqa: B018


def test_importing_the_faces_imports_no_torch() -> None:
    code = f"import sys, {', '.join(FACES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
