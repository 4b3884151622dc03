"""The notebooks: as committed they are whole, small and without errors, and they run from top to bottom."""

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["01_listen", "02_train", "03_compare"]
SHORTER = {
    "WARMUP, ADVERSARIAL = 120, 150": "WARMUP, ADVERSARIAL = 6, 4",
    "count=100": "count=40",
}  # what takes a minute


def read(name):
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))


def code_cells(book):
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def test_there_are_no_others():
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_small_and_says_first_what_one_will_hear(name):
    assert (ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < 1_000_000
    first = read(name)["cells"][0]
    assert first["cell_type"] == "markdown" and "hear" in "".join(first["source"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_was_run_from_top_to_bottom_without_errors(name):
    cells = code_cells(read(name))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    assert {"image/png", "text/html"} <= shown, "a picture and a player"
    words = "".join(
        "".join(o.get("text", "")) + "".join(o.get("data", {}).get("text/plain", "")) for o in outputs
    )
    assert not any(folder in words for folder in ("/tmp", "/home", "/Users", str(ROOT)))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, tmp_path):
    pytest.importorskip("ipykernel", reason="needs the extra `notebooks`")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra `notebooks`")
    nbformat = pytest.importorskip("nbformat", reason="needs the extra `notebooks`")
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    (tmp_path / "notebooks").mkdir()
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    if name == "02_train":
        assert all(long in text for long in SHORTER)
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    book = nbformat.reads(text, as_version=4)
    for cell in code_cells(book):
        cell["outputs"], cell["execution_count"] = [], None
    folder = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(book, timeout=None, kernel_name="python3", resources=folder).execute()
    assert all(cell["execution_count"] for cell in code_cells(book))
    assert not list((tmp_path / "notebooks").iterdir()), "a notebook leaves nothing in its own folder"
