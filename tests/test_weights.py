"""Weights in and out: round trips, and everything that must be refused."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from basedrum.errors import WeightsError
from basedrum.models.config import ModelConfig
from basedrum.models.registry import build_discriminator, build_model
from basedrum.weight_files import shipped
from basedrum.weights import load_discriminator, load_drummer, load_run, save_drummer, save_run

SMALL = ModelConfig(width=8, discriminator_width=8, styles=("rock",))


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return build_model(SMALL), build_discriminator(SMALL)


@pytest.fixture
def drummer(networks, tmp_path):
    path = tmp_path / "drummer.safetensors"
    save_drummer(path, *networks, {"data": "two songs of ours"})
    return path


def test_a_drummer_is_rebuilt_from_its_file_alone(networks, drummer):
    loaded = load_drummer(drummer)
    assert loaded.config == SMALL and loaded.provenance == {"data": "two songs of ours"}
    for mine, other in ((networks[0], loaded.model), (networks[1], load_discriminator(drummer))):
        for key, value in mine.state_dict().items():
            assert torch.equal(value.half().float(), other.state_dict()[key]), key
    assert not loaded.model.training


def test_the_classic_family_keeps_its_counts(tmp_path):
    model = build_model(ModelConfig(family="classic"))
    model.generator.down[0][1].num_batches_tracked += 7
    save_drummer(tmp_path / "c.safetensors", model, None, {})
    loaded = load_drummer(tmp_path / "c.safetensors").model
    assert loaded.generator.down[0][1].num_batches_tracked == 7
    with pytest.raises(WeightsError, match=r"has no tensor discriminator\."):
        load_discriminator(tmp_path / "c.safetensors")


def test_the_same_drummer_gives_the_same_bytes(networks, tmp_path):
    for name in "abcd":
        save_drummer(tmp_path / name, *networks, {"seed": 1})
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_a_run_comes_back_as_it_was(tmp_path):
    state = {
        "step": 7,
        "rate": 0.1,
        "none": None,
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0)}, 1: {"avg": torch.randn(2, 3)}},
            "groups": [{"betas": (0.0, 0.99)}],
        },
        "empty": torch.zeros(0),
    }
    save_run(tmp_path / "run", state)
    back = load_run(tmp_path / "run")
    assert back["step"] == 7 and back["rate"] == 0.1 and back["none"] is None
    assert torch.equal(back["optimizer"]["state"][1]["avg"], state["optimizer"]["state"][1]["avg"])
    assert back["optimizer"]["groups"] == [{"betas": [0.0, 0.99]}] and list(back["optimizer"]["state"]) == [
        0,
        1,
    ]


def test_the_two_kinds_are_not_taken_for_each_other(drummer, tmp_path):
    save_run(tmp_path / "run", {"step": 1})
    with pytest.raises(WeightsError, match="holds a run, expected a drummer"):
        load_drummer(tmp_path / "run")
    with pytest.raises(WeightsError, match="holds a drummer, expected a run"):
        load_run(drummer)


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    (tmp_path / "bomb.safetensors").write_bytes(pickle.dumps(Bomb()))
    torch.save({"weights": torch.zeros(2)}, tmp_path / "torch.pt")
    for name in ("bomb.safetensors", "torch.pt"):
        with pytest.raises(WeightsError, match="no weights of basedrum"):
            load_drummer(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_every_flipped_byte_and_every_cut_is_noticed(drummer):
    data = bytearray(drummer.read_bytes())
    places = [*range(0, 200, 7), *range(200, len(data), len(data) // 60), len(data) - 1]
    for place in places:
        broken = bytearray(data)
        broken[place] ^= 0x10
        drummer.write_bytes(broken)
        with pytest.raises(WeightsError):
            load_drummer(drummer)
    for length in (0, 5, 8, 100, len(data) // 2, len(data) - 1):
        drummer.write_bytes(data[:length])
        with pytest.raises(WeightsError):
            load_drummer(drummer)


def test_foreign_weights_are_refused(tmp_path):
    (tmp_path / "foreign").write_bytes(save({"w": torch.zeros(3)}, {"made": "elsewhere"}))
    with pytest.raises(WeightsError, match="no weights of basedrum"):
        load_drummer(tmp_path / "foreign")


def resealed(path, change):
    """Rewrite a checkpoint's header as someone who knows the check sum could, to reach the checks behind
    it."""
    from basedrum import weights

    data = path.read_bytes()
    tensors = load(data)
    header = json.loads(
        json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["basedrum"]
    )
    header.pop("sha256")
    change(header, tensors)
    header["sha256"] = weights._digest(header, tensors)
    path.write_bytes(save(tensors, {"basedrum": json.dumps(header)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h, t: h.update(format=99), "format 99, this version reads format 2, update basedrum"),
        (lambda h, t: h.update(format=1), "format 1, this version reads format 2, train it again"),
        (lambda h, t: h["grid"].update(pitches=88), "another grid or kit"),
        (lambda h, t: h["kit"].reverse(), "another grid or kit"),
        (lambda h, t: h["config"].update(width=16), "has shape"),
        (lambda h, t: h["config"].update(wings=2), "its config does not fit"),
        (lambda h, t: h["config"].update(family="baroque"), "its config does not fit"),
        (lambda h, t: t.pop("generator.bias"), "has no tensor generator.bias"),
        (lambda h, t: t.update({"generator.extra": torch.zeros(1)}), "has an unknown tensor generator.extra"),
        (lambda h, t: t.update({"x\x1b[31m": torch.zeros(1)}), "has an unknown tensor x\\x1b[31m"),
        (lambda h, t: t["generator.bias"].fill_(float("nan")), "not finite"),
    ],
)
def test_what_does_not_fit_is_named(drummer, change, said):
    resealed(drummer, change)
    with pytest.raises(WeightsError) as error:
        load_drummer(drummer)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_weights_that_are_not_finite_are_not_written(networks, tmp_path):
    with torch.no_grad():
        networks[0].generator.bias[0] = float("inf")
    with pytest.raises(WeightsError, match="not finite"):
        save_drummer(tmp_path / "d", *networks, {})
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_lists_the_shipped_and_a_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="not found"):
        load_drummer("no-such-drummer")
    with pytest.raises(WeightsError, match="not a file"):
        load_drummer(tmp_path)


def test_what_is_no_file_is_refused_as_such(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WeightsError, match="pipe: not a file, name a file of weights"):
        load_drummer(tmp_path / "pipe")


def test_every_shipped_drummer_loads():
    assert "default" in shipped()
    for name in shipped():
        assert load_drummer(name).provenance


def test_what_ships_can_be_loaded_ranks_and_is_small():
    from basedrum import weights

    assert shipped() == ["conv2d", "default", "lookahead", "open"]
    for name in shipped():
        drummer = load_drummer(name)
        assert drummer.reranker is not None and drummer.config.styles
        assert drummer.config.lookahead == (name == "lookahead")
    folder = Path(weights.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) <= 12_000_000
