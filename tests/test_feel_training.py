"""Training the feel on a tiny made-up dataset: it learns what was played, repeats itself, and is measured."""

import numpy as np
import pytest
import torch
from groove_zip import write_groove_zip

from basedrum.corpus.groove import read_groove
from basedrum.drummer.feel import draw_feel
from basedrum.errors import DataError, WeightsError
from basedrum.lab import feel as lab_feel
from basedrum.models.feel import LEVELS, PARTS, FeelConfig, FeelNet, pinball
from basedrum.music.kit import CLOSED_HAT, KICK, SNARE
from basedrum.training import feel as training
from basedrum.training.feel import (
    FeelTraining,
    example_of,
    feel_loss,
    make_feel,
    measure_variances,
    train_feel,
)
from basedrum.weights import load_feel, save_feel

SHORT = FeelTraining(epochs=60, batch=4, window=96, rate=1e-2, dropout=0.0)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_groove_zip(tmp_path_factory.mktemp("groove") / "groove.zip")


@pytest.fixture(scope="module")
def takes(archive):
    return list(read_groove(archive))


@pytest.fixture(scope="module")
def network(archive, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "feel.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "FeelConfig", lambda styles: FeelConfig(styles, width=16, dilations=(1, 4)))
        assert make_feel(archive, path, SHORT) == path
    return load_feel(path)


def test_the_pinball_loss_by_hand():
    quantiles = torch.zeros(len(LEVELS))
    assert float(pinball(quantiles, torch.tensor(2.0))) == pytest.approx(2 * np.mean(LEVELS))
    assert float(pinball(quantiles, torch.tensor(-1.0))) == pytest.approx(np.mean(1 - np.asarray(LEVELS)))
    assert float(pinball(quantiles, torch.tensor(0.0))) == 0


def test_hits_without_a_target_teach_nothing(takes):
    example = example_of(takes[0], ("rock",))
    rows, targets = torch.from_numpy(example.rows)[None], torch.from_numpy(example.targets)[None]
    net = FeelNet(FeelConfig(("rock",), width=8))
    before = feel_loss(net(rows, torch.tensor([example.style])), targets)
    targets[:, 1, ::2] = torch.nan
    after = feel_loss(net(rows, torch.tensor([example.style])), targets)
    assert before[0] == after[0] and before[1] != after[1] and torch.isfinite(after).all()


def test_every_parameter_learns(takes):
    net = FeelNet(FeelConfig(("rock", "funk"), width=8))
    for layer in net.layers:
        torch.nn.init.normal_(layer.second.weight)
    example = example_of(takes[0], ("rock", "funk"))
    quantiles = net(torch.from_numpy(example.rows)[None], torch.tensor([1]))
    feel_loss(quantiles, torch.from_numpy(example.targets)[None]).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_it_learns_what_the_drummers_did(network, takes):
    """Unheard takes: backbeats 110 and 0.2 steps late, ghosts 25, off-beats of the hat 30 softer."""
    take = next(take for take in takes if take.split == "test")
    typical = lab_feel._typical(network, take, None)
    loud, late = typical[:, 32:-32]
    assert abs(np.median(loud[4::8, SNARE]) - 110) < 8 and abs(np.median(loud[7::8, SNARE]) - 25) < 8
    assert 20 < np.median(loud[::4, CLOSED_HAT]) - np.median(loud[2::4, CLOSED_HAT]) < 40
    assert 0.12 < np.median(late[4::8, SNARE]) - np.median(late[::8, KICK]) < 0.28


def test_it_spreads_as_they_do(network, takes):
    """The made-up drummers: sd 8 over takes for the whole kit, 4 within."""
    variances = network.variances.double()
    assert variances.shape == (2, len(PARTS), 12) and (variances >= 0).all()
    unheard = [take for take in takes if take.split != "train"]
    learned = [take for take in takes if take.split == "train"]
    velocity, timing = lab_feel.spreads(network, learned, unheard)
    for spread in velocity:
        if spread.num_hits > 100:
            assert 0.6 < spread.drawn / spread.human < 1.6, spread
            assert 0.6 < spread.drawn_within / spread.human_within < 1.6, spread
    assert {s.voice for s in timing} == {"kick", "snare", "closed hat"}


def test_deviations_that_last_are_told_from_those_that_do_not(network, takes):
    """The made-up drummers are loud or soft with the whole kit, all take."""
    untrained = train_feel([example_of(takes[0], ())], FeelConfig(width=8), FeelTraining(epochs=1, window=32))
    for net in (network, untrained):
        assert torch.equal(measure_variances(net, takes[3:5]), measure_variances(net, takes[3:5]))
    song = PARTS.index("song")
    assert network.variances[0, song, 0] > 0.2 > network.variances[1, song, 0]


def test_same_seed_same_weights_other_seed_other_weights(takes):
    examples = [example_of(take, ("rock",)) for take in takes[:3]]
    short = FeelTraining(epochs=1, batch=2, window=64)
    one, same = (train_feel(examples, FeelConfig(("rock",), width=8), short).state_dict() for _ in range(2))
    other = train_feel(
        examples, FeelConfig(("rock",), width=8), FeelTraining(epochs=1, batch=2, window=64, seed=1)
    ).state_dict()
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_the_figures_are_printed_and_the_network_beats_the_means(network, takes):
    learned, unheard = ([t for t in takes if (t.split == "train") == train] for train in (True, False))
    errors = lab_feel.guess_errors(network, learned, unheard)
    assert errors["network, given the style"].velocity < errors["one mean"].velocity / 2
    assert errors["mean of voice and step"].velocity < errors["one mean"].velocity
    assert errors["one mean"].ms == pytest.approx(
        errors["one mean"].steps * 150, rel=0.01
    )  # 100 quarters a minute
    text = lab_feel.report(
        errors, lab_feel.spreads(network, learned, unheard[:1]), lab_feel.lasting(network, unheard)
    )
    assert all(part in text for part in ("network, no style", "closed hat", "other voice, same step"))


def test_what_lasts_is_counted():
    """Loud and soft measures: the same a place and a measure apart means opposite here; two voices go
    together."""
    far = np.full((64, 12), np.nan)
    far[:, KICK] = np.repeat([1.0, -1.0, 1.0, -1.0], 16)
    far[::2, SNARE] = far[::2, KICK]
    shared = lab_feel._shared([far])
    assert shared["same place, next measure"] == pytest.approx(-1)
    assert shared["other voice, same step"] == pytest.approx(1)
    assert shared["next hit of the voice"] > 0.8


def test_the_simple_guesses_are_means_of_the_training_takes(takes):
    cells, constant = lab_feel._means(takes[:2])
    loud = np.concatenate([take.velocities for take in takes[:2]])
    assert constant[0] == pytest.approx(loud[loud > 0].mean())
    backbeats = loud.reshape(-1, 16, 12)[:, 4, SNARE]
    assert cells[0, 4, SNARE] == pytest.approx(backbeats[backbeats > 0].mean())
    assert cells[0, 1, KICK] == constant[0]  # never hit


def test_weights_of_a_feel_are_no_drummer_and_damage_is_told(network, takes, tmp_path):
    path = save_feel(network, {}, tmp_path / "feel.safetensors")
    again = load_feel(path)
    assert np.array_equal(
        *(draw_feel(takes[0].hits, takes[0].grid, 1, network=n)[0] for n in (network, again))
    )
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError):
        load_feel(path)


def test_a_dataset_without_takes_to_learn_from_is_refused(tmp_path):
    archive = write_groove_zip(tmp_path / "small.zip", num_takes=2)
    with pytest.raises(DataError, match="no takes"):
        make_feel(archive, tmp_path / "out.safetensors", SHORT)
    assert not (tmp_path / "out.safetensors").exists()
