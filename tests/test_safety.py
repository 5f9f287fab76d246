"""No file from outside may run code, leave its folder or fill the memory: the whole tree is searched for ways to."""

from pathlib import Path

import pytest

from medrepro.reproduce.plan.identity import ROOT
from tests._forbidden import forbidden

EXCUSED = {
    "tests/_gloo.py": "pickle.loads",  # between a test and the processes it has started itself
}
BAD = (
    "np.load(path)",
    "np.load(path, allow_pickle=True)",
    "np.load(path, allow_pickle=flag)",
    "torch.load(path)",
    "torch.load(path, weights_only=False)",
    "Module.load_from_checkpoint(path)",
    "package.Module(3).load_from_checkpoint(path, strict=True)",
    "trainer.fit(module, data, ckpt_path=last)",
    "yaml.load(text, Loader=yaml.SafeLoader)",
    "yaml.full_load(text)",
    "yaml.unsafe_load(text)",
    "yaml.compose(text)",
    "yaml.compose(text, Loader=yaml.Loader)",
    "pickle.load(file)",
    "pickle.loads(text)",
    "pickle.Unpickler(file)",
    "joblib.load(path)",
    "pd.read_pickle(path)",
    "import xml.etree.ElementTree as ElementTree",
    "from xml.dom import minidom",
    "from xml.etree import ElementTree",
    "import xml.sax",
    "from lxml import etree",
    "from pydicom.fileset import FileSet",
    "tarfile.open(path).extractall(folder)",
    "archive.extractall(folder, filter='data')",
    "shutil.unpack_archive(path)",
    "eval(text)",
    "exec(text)",
    "compile(text, '', 'exec')",
    "os.system(text)",
    "subprocess.run(text, shell=True)",
    "session.get(url, verify=False)",
    "tempfile.mktemp()",
    "Image.MAX_IMAGE_PIXELS = None",
)
GOOD = (
    "np.load(path, allow_pickle=False)",
    "torch.load(path, weights_only=True)",
    "Module.load_from_checkpoint(path, weights_only=True).eval()",
    "trainer.fit(module, data)",
    "trainer.fit(module, ckpt_path=last, weights_only=True)",
    "yaml.safe_load(text)",
    "yaml.compose(text, Loader=yaml.SafeLoader)",
    "from defusedxml import ElementTree",
    "from xml.sax.saxutils import escape",
    "extract(archive, folder)",
    "module.eval()",
    "re.compile(pattern)",
    "torch.compile(module)",
    "subprocess.run([command], shell=False)",
)


@pytest.mark.parametrize("source", BAD)
def test_every_way_is_found(source: str) -> None:
    assert len(BAD) == 35
    assert len(list(forbidden(source))) == 1


@pytest.mark.parametrize("source", GOOD)
def test_what_is_safe_is_left_alone(source: str) -> None:
    assert len(GOOD) == 14
    assert list(forbidden(source)) == []


def sources() -> list[Path]:
    hidden = ("runs", "build")
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*.py")]
    return sorted(path for path in found if not any(part.startswith(".") or part in hidden for part in path.parts))


def test_the_tree_has_none() -> None:
    paths = sources()
    assert len(paths) > 300
    found = [f"{path}:{line}" for path in paths for line in forbidden((ROOT / path).read_text(encoding="utf-8"))]
    assert [line for line in found if EXCUSED.get(line.partition(":")[0], "-") not in line] == []
    assert {line.partition(":")[0] for line in found} == set(EXCUSED), "an excuse that nothing needs any more"


def test_only_one_place_opens_archives_to_unpack_them() -> None:
    """Readers of archives decode members in memory; only ``datamodules/support/archives.py`` writes them to disk."""
    writers = [
        str(path)
        for path in sources()
        if path.parts[0] != "tests" and "copyfileobj" in (text := (ROOT / path).read_text()) and "extractfile" in text
    ]
    assert writers == ["datamodules/support/archives.py"]
