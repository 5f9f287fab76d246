"""Lazy packages: every promised name is there, an unknown one is refused, and asking for nothing imports nothing."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["medrepro.lightning_modules.losses", "medrepro.lightning_modules.networks"]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_promised_name_is_there(name: str) -> None:
    package = importlib.import_module(name)
    assert len(package.__all__) > 2
    for promised in package.__all__:
        assert getattr(package, promised).__name__ == promised


@pytest.mark.parametrize("name", PACKAGES)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(
        AttributeError, match=rf"module '{name}' has no attribute 'Nothing'; it has .*{package.__all__[0]}"
    ):
        package.Nothing  # noqa: B018


def test_importing_the_packages_imports_no_torch() -> None:
    code = f"import sys, {', '.join(PACKAGES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
