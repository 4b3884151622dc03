"""The laws of the house, read off the source with `ast`: imports go down only, and some things live in one
place.

Every import counts, lazy and TYPE_CHECKING ones too, unless a law says "at the top". Each law is also shown a
package that breaks it.
"""

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import basedrum
from basedrum.models.config import FAMILIES

PACKAGE = Path(basedrum.__file__).parent

# a module imports only from lower floors or its own room; on floors 0 and 10 the rooms may see each other
FLOORS = {
    "errors": 0,
    "option_kinds": 0,
    "play_options": 0,
    "files": 0,
    "music": 0,
    "presets": 0,
    "pretrained": 0,
    "midi": 1,
    "weight_files": 1,
    "render": 1,
    "corpus": 2,
    "models": 2,
    "measures": 2,
    "threads": 2,
    "weights": 3,
    "training": 4,
    "drummer": 4,
    "played": 5,
    "player": 6,
    "outputs": 6,
    "evaluation": 7,
    "lab": 8,
    "app": 9,
    "options": 10,
    "cli": 10,
    "__main__": 10,
    "__init__": 10,
}
OPEN_FLOORS = {0, 10}
MIDI_LIBRARIES = {"symusic", "mido", "pretty_midi", "miditoolkit", "pypianoroll"}
SLOW_LIBRARIES = {
    "matplotlib",
    "scipy",
    "pypianoroll",
    "pretty_midi",
    "tensorboard",
    "sklearn",
    "joblib",
    "threadpoolctl",
}
PICKLERS = {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
KNOW_FAMILIES = {"models.config", "models.registry"}
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "core", "base", "manager"}
MAX_LINES = 350
LONGER_WITH_REASON: dict[str, str] = {}  # module: why it may be longer


@dataclass(frozen=True)
class Import:
    """One imported name, `room` and `target` both dotted from the package's root; `at_top` if running the
    module runs it."""

    module: str
    target: str
    line: int
    at_top: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules(package: Path) -> dict[str, Path]:
    """Return dotted module names, from the package's root, and their files; a room's own `__init__` has the
    room's name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports(module: str, path: Path) -> list[Import]:
    """Return every import of a module: statements at any depth, and import_module with a name written out."""
    found: list[Import] = []
    package = (
        module.split(".") if path.name == "__init__.py" and module != "__init__" else module.split(".")[:-1]
    )

    def add(name: str, node: ast.AST, at_top: bool) -> None:
        found.append(Import(module, name, node.lineno, at_top))

    def visit(node: ast.AST, at_top: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                add(alias.name, node, at_top)
        elif isinstance(node, ast.ImportFrom):
            above = ["basedrum", *package[: len(package) - node.level + 1]] if node.level else []
            source = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                add(f"{source}.{alias.name}", node, at_top)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func)
            in (
                "import_module",
                "importlib.import_module",
                "__import__",
            )
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            add(str(node.args[0].value), node, at_top)
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_top and not lazy and not typing_only)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def all_imports(package: Path) -> list[Import]:
    return [found for module, path in modules(package).items() for found in imports(module, path)]


def room_of(dotted: str) -> str:
    return dotted.split(".")[0]


def upward_imports(package: Path) -> list[str]:
    broken = [
        f"{module}: its room has no floor" for module in modules(package) if room_of(module) not in FLOORS
    ]
    for found in all_imports(package):
        if room_of(found.target) != "basedrum" or found.target in ("basedrum.__version__", "basedrum"):
            continue
        here, there = room_of(found.module), found.target.split(".")[1]
        there = there if there in FLOORS else "__init__"
        if here not in FLOORS or here == there:
            continue
        if FLOORS[there] > FLOORS[here] or (
            FLOORS[there] == FLOORS[here] and FLOORS[here] not in OPEN_FLOORS
        ):
            broken.append(f"{found}: floor {FLOORS[here]} to floor {FLOORS[there]}")
    return broken


def misplaced_torch(package: Path) -> list[str]:
    return [
        str(found)
        for found in all_imports(package)
        if room_of(found.target) == "torch"
        and (
            FLOORS.get(room_of(found.module), 0) < 2
            or found.module == "measures.metrics"
            or (found.at_top and FLOORS.get(room_of(found.module), 0) >= 9)
        )
    ]


def misplaced_midi(package: Path) -> list[str]:
    return [
        str(found)
        for found in all_imports(package)
        if (library := room_of(found.target)) in MIDI_LIBRARIES
        and room_of(found.module) != "midi"
        and not (library == "pypianoroll" and found.module == "corpus.lpd")
    ]


def misplaced_weights(package: Path) -> list[str]:
    broken = [
        str(found)
        for found in all_imports(package)
        if (room_of(found.target) == "safetensors" and found.module != "weights")
        or room_of(found.target) in PICKLERS
        or (found.target in ("torch.save", "torch.load") and found.module != "weights")
    ]
    for module, path in modules(package).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and ast.unparse(node) in ("torch.save", "torch.load")
                and module != "weights"
            ):
                broken.append(f"{module}:{node.lineno} uses {ast.unparse(node)}")
            if (
                isinstance(node, ast.keyword)
                and node.arg == "allow_pickle"
                and ast.unparse(node.value) != "False"
            ):
                broken.append(f"{module}:{node.value.lineno} allows pickle")
    return broken


def slow_at_the_top(package: Path) -> list[str]:
    return [
        str(found)
        for found in all_imports(package)
        if found.at_top and room_of(found.target) in SLOW_LIBRARIES
    ]


def badly_named(package: Path) -> list[str]:
    return [module for module in modules(package) if BANNED_NAMES & set(module.lower().split("."))]


def too_long(package: Path) -> list[str]:
    lengths = {
        module: len(path.read_text(encoding="utf-8").splitlines())
        for module, path in modules(package).items()
    }
    return [f"{m}: {n} lines" for m, n in lengths.items() if n > MAX_LINES and m not in LONGER_WITH_REASON]


def unexplained(package: Path) -> list[str]:
    """Return modules without a docstring or with work left for later."""
    texts = {module: path.read_text(encoding="utf-8") for module, path in modules(package).items()}
    unfinished = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "raise NotImplemented")
    return [
        m
        for m, text in texts.items()
        if not ast.get_docstring(ast.parse(text)) or any(word in text for word in unfinished)
    ]


def branches_on_a_family(package: Path) -> list[str]:
    """Return comparisons with a family's name, and reads of `family`, outside the models room's registry and
    configuration: what differs between families belongs to their packages."""
    broken = []
    for module, path in modules(package).items():
        if module in KNOW_FAMILIES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names_one = isinstance(node, ast.Compare | ast.MatchValue) and any(
                isinstance(part, ast.Constant) and part.value in FAMILIES for part in ast.walk(node)
            )
            reads_it = isinstance(node, ast.Attribute) and node.attr == "family"
            own = f"models.{module.split('.')[1]}" if module.startswith("models.") else ""
            imports_one = isinstance(node, ast.ImportFrom) and any(
                (node.module or "").startswith(f"basedrum.models.{family}") and own != f"models.{family}"
                for family in FAMILIES
            )
            if names_one or reads_it or imports_one:
                broken.append(f"{module}:{node.lineno} knows a family")
    return broken


LAWS = [
    upward_imports,
    branches_on_a_family,
    misplaced_torch,
    misplaced_midi,
    misplaced_weights,
    slow_at_the_top,
    badly_named,
    too_long,
    unexplained,
]

# each law and sources that break it: {module path: source}
BREACHES = [
    (upward_imports, {"music/grid.py": "from basedrum.midi import reading"}),
    (upward_imports, {"music/grid.py": "import basedrum.app"}),
    (upward_imports, {"models/generator.py": "def f():\n    from basedrum.training.losses import loss"}),
    (upward_imports, {"models/generator.py": "if TYPE_CHECKING:\n    from ..training import losses"}),
    (upward_imports, {"training/loop.py": "from basedrum import evaluation"}),
    (
        upward_imports,
        {"training/loop.py": "from basedrum.drummer.song import play_song"},
    ),  # a neighbour on the same floor
    (upward_imports, {"weights.py": "from . import cli"}),
    (upward_imports, {"drummer/song.py": "from basedrum import Drummer"}),
    (upward_imports, {"drummer/song.py": "import importlib\nimportlib.import_module('basedrum.app')"}),
    (upward_imports, {"attic/dust.py": ""}),
    (misplaced_torch, {"midi/reading.py": "def f():\n    import torch"}),
    (misplaced_torch, {"measures/metrics.py": "from torch import nn"}),
    (misplaced_torch, {"cli.py": "import torch"}),
    (misplaced_midi, {"corpus/pairs.py": "import symusic"}),
    (misplaced_midi, {"evaluation/report.py": "def f():\n    import pypianoroll"}),
    (misplaced_weights, {"training/loop.py": "import torch\ntorch.save({}, 'x')"}),
    (misplaced_weights, {"training/loop.py": "from torch import load"}),
    (misplaced_weights, {"drummer/sampling.py": "from safetensors.torch import load_file"}),
    (misplaced_weights, {"corpus/phrases.py": "import numpy\nnumpy.load('x', allow_pickle=True)"}),
    (slow_at_the_top, {"render/picture.py": "import matplotlib.pyplot as plt"}),
    (badly_named, {"music/utils.py": ""}),
    (too_long, {"music/grid.py": "x = 1\n" * 351}),
    (branches_on_a_family, {"drummer/sampling.py": "if config.family == 'classic': pass"}),
    (branches_on_a_family, {"drummer/sampling.py": "if name in ('modern', 'x'): pass"}),
    (branches_on_a_family, {"training/loop.py": "x = {}[config.family]"}),
    (branches_on_a_family, {"training/loop.py": "from basedrum.models.modern.planner import Planner"}),
    (branches_on_a_family, {"models/classic/model.py": "from basedrum.models.modern.blocks import SLOPE"}),
    (unexplained, {"music/grid.py": "x = 1"}),
    (unexplained, {"music/grid.py": '"""Doc."""\n# TO' + "DO later"}),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_house_keeps_the_law(law):
    assert law(PACKAGE) == []


@pytest.mark.parametrize("law, sources", BREACHES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_breach_is_seen(law, sources, tmp_path):
    for name, source in sources.items():
        path = tmp_path / "basedrum" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert law(tmp_path / "basedrum")


def test_what_the_laws_allow_is_allowed(tmp_path):
    good = {
        "music/rolls.py": '"""Rolls."""\nfrom basedrum.errors import BasedrumError\nfrom .kit import KIT',
        "app.py": '"""Verbs."""\ndef f():\n    import torch\n    from basedrum.drummer.song import play_song',
        "cli.py": '"""Line."""\nfrom basedrum import __version__',
        "weights.py": '"""Weights."""\nimport safetensors\nimport torch\ntorch.save',
        "render/picture.py": '"""Pictures."""\ndef f():\n    import matplotlib',
    }
    for name, source in good.items():
        path = tmp_path / "basedrum" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert [law(tmp_path / "basedrum") for law in LAWS] == [[]] * len(LAWS)


def test_every_room_of_the_package_is_installed():
    """A room missing from setup.cfg works in a checkout and is absent from the wheel."""
    from configparser import ConfigParser

    config = ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    rooms = {
        f"basedrum.{path.parent.relative_to(PACKAGE).as_posix().replace('/', '.')}"
        for path in PACKAGE.rglob("*/__init__.py")
    }
    assert rooms | {"basedrum", "basedrum.practice_book"} == listed


def test_importing_the_package_and_the_verbs_loads_nothing_heavy():
    probe = "import sys, basedrum, basedrum.app, basedrum.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "symusic"} & set(loaded)


CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time"}


def clocks(source):
    """Return the names of clocks that a module of tests reads or imports."""
    nodes = list(ast.walk(ast.parse(source)))
    read = [node for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "time"]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "time"]
    names = [node.attr for node in read] + [alias.name for node in imports for alias in node.names]
    return sorted(CLOCKS & {name.removesuffix("_ns") for name in names})


def test_no_test_reads_a_clock():
    """A machine may be slow: work is counted (`work.py`), speed is told by `benchmark.py`."""
    paths = sorted(Path(__file__).parent.glob("test_*.py"))
    assert len(paths) > 50
    assert {path.name: found for path in paths if (found := clocks(path.read_text(encoding="utf-8")))} == {}
    assert clocks("import time\nbegan = time.perf_counter_ns()") == ["perf_counter"]
    assert clocks("from time import monotonic, sleep") == ["monotonic"]
