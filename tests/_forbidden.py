"""Calls that let a file run code, leave its folder or fill the memory, found in the syntax tree.

In: a source. Out: one line for each place that the house forbids. A rule either bans a name or asks for an argument.
"""

import ast
from collections.abc import Iterator

ASKED = {  # the last part of a call's name, and what must be said in it
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "load_from_checkpoint": ("weights_only", True),
}
BANNED = {
    *(f"yaml.{name}" for name in ("load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all")),
    *(f"pickle.{name}" for name in ("load", "loads", "Unpickler")),
    *("marshal.load", "marshal.loads", "shelve.open", "joblib.load", "pd.read_pickle", "pandas.read_pickle"),
    *("shutil.unpack_archive", "os.system", "os.popen", "tempfile.mktemp"),
    *("eval", "exec", "compile"),
}
BANNED_METHODS = {"extractall", "extract_all"}  # medrepro.datamodules.support.archives.extract is the one way to unpack
BANNED_MODULES = (
    "xml.etree",
    "xml.dom",
    "xml.sax",
    "lxml",
    "dill",
    "cloudpickle",
    "pydicom.fileset",
    "pydicom.dicomdir",
)
HARMLESS = {"xml.sax.saxutils"}  # escapes text, parses nothing
YAML_PARSERS = {
    "yaml.compose",
    "yaml.compose_all",
    "yaml.parse",
    "yaml.scan",
}  # their default loader is not the safe one


def forbidden(source: str) -> Iterator[str]:
    """Yield ``LINE: what`` for each forbidden place."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call | ast.Import | ast.ImportFrom | ast.Assign):
            continue
        found = None
        if isinstance(node, ast.Call):
            found = _call(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found = next((name for name in _modules(node) if _is_banned(name)), None)
        elif isinstance(node, ast.Assign) and any(
            _name(target).endswith("MAX_IMAGE_PIXELS") for target in node.targets
        ):
            found = "Pillow's own size limit is switched off"
        if found:
            yield f"{node.lineno}: {found}"


def _call(node: ast.Call) -> str | None:
    name = _name(node.func)
    last = name.rpartition(".")[2]
    asked = ASKED.get(name) or ASKED.get(last)
    if asked and not _says(node, *asked):
        return f"{name} without {asked[0]}={asked[1]}"
    if name in BANNED or (isinstance(node.func, ast.Attribute) and last in BANNED_METHODS):
        return name
    if name in YAML_PARSERS and not any(
        k.arg == "Loader" and _name(k.value).endswith("SafeLoader") for k in node.keywords
    ):
        return f"{name} without Loader=yaml.SafeLoader"
    if (
        last in ("fit", "validate", "test", "predict")
        and _given(node, "ckpt_path")
        and not _says(node, "weights_only", True)
    ):
        return f"{name} of a checkpoint without weights_only=True"
    if _says(node, "shell", True) or _says(node, "verify", False):
        return f"{name} with shell=True or verify=False"
    return None


def _name(node: ast.AST) -> str:
    """Return ``a.b.c`` of an expression of names; ``?`` stands for whatever else it starts with."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _says(node: ast.Call, argument: str, value: bool) -> bool:
    return any(
        k.arg == argument and isinstance(k.value, ast.Constant) and k.value.value is value for k in node.keywords
    )


def _given(node: ast.Call, argument: str) -> bool:
    return any(keyword.arg == argument for keyword in node.keywords)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]


def _is_banned(module: str) -> bool:
    if any(module == name or module.startswith(f"{name}.") for name in HARMLESS):
        return False
    return any(module == name or module.startswith(f"{name}.") for name in BANNED_MODULES)
