"""What a song uses: read off its phrases, planned for a new one, and held; its form as numbers."""

from dataclasses import replace

import numpy as np
import torch
from test_models import condition, random

from basedrum.models.config import ModelConfig
from basedrum.models.modern.decoding import Draw, sample_hits
from basedrum.models.modern.kit_planner import KitPlanner
from basedrum.models.noise import kit_noise
from basedrum.models.registry import build_model
from basedrum.music.form_features import COLUMNS, form_features, of_window
from basedrum.music.kit import CRASH, KICK, RIDE, SNARE
from basedrum.music.sections import Form
from basedrum.training.song_kits import SongKits


class Songs:
    """Two songs of one phrase each: the first strikes kick and snare apart, the second three at once."""

    index = np.zeros(2, [("song", "i4")])
    index["song"] = 0, 1

    def kit(self, rows):
        hits = np.zeros((2, 64, 12), bool)
        hits[0, ::8, KICK] = hits[0, 4::8, SNARE] = True
        hits[1, ::4, [KICK, SNARE, RIDE]] = True
        hits[1, 0, CRASH] = True
        return hits[rows]


def test_what_songs_use_is_read_off_their_phrases():
    kits = SongKits.of(Songs(), np.asarray([0, 1]))
    assert np.flatnonzero(kits.voices[0]).tolist() == [KICK, SNARE]
    assert np.flatnonzero(kits.voices[1]).tolist() == [KICK, SNARE, CRASH, RIDE]
    assert kits.most.tolist() == [1, 4]  # one of sixteen struck steps is not rare
    voices, most = kits.of_songs(np.asarray([1, 1]), np.asarray([True, False]))
    assert most.tolist() == [4, 0] and voices[0].sum() == 4 and not voices[1].any()


def uniform_model(seed=0):
    """A model that strikes about half of all cells, whatever it is given."""
    torch.manual_seed(seed)
    model = build_model(ModelConfig(width=16, styles=("rock",))).eval()
    model.generator.bias.data.zero_()
    return model


def hits_of(model, given):
    cells = torch.rand(len(given), 64, 12, generator=random(3))
    plan = torch.zeros(len(given), 4, dtype=torch.int64)
    return sample_hits(model.generator, given, Draw(cells, plan))


def test_what_a_song_leaves_out_is_never_played():
    voices = torch.ones(4, 12)
    voices[0, [CRASH, RIDE]] = 0
    voices[1] = 0  # not given
    hits = hits_of(uniform_model(), condition(voices=voices))
    assert not hits[0, :, [CRASH, RIDE]].any() and hits[0, :, KICK].any()
    assert hits[1:, :, CRASH].any(dim=1).all()


def test_no_more_voices_at_once_than_the_song_has():
    most = torch.tensor([1, 2, 5, 0])
    counts = hits_of(uniform_model(), condition(voices=torch.ones(4, 12), most_voices=most)).sum(dim=2)
    assert counts[:3].amax(dim=1).tolist() == [1, 2, 5] and counts[3].max() > 5
    assert counts[0].min() == 0 or counts[0].sum() > 32  # the strongest stays


def test_a_kit_is_drawn_from_its_probabilities():
    planner = KitPlanner(num_styles=1)
    for layer in (planner.voices, planner.most):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    planner.voices.bias.data[:2] = torch.tensor([9.0, -9.0])
    planner.after.data[0, 2] = 20.0  # the first voice brings the third
    uniform = torch.full((1, 13), 0.5)
    voices, most = planner.draw(condition(1), uniform - 0.01)
    assert voices[0, :3].tolist() == [1, 0, 1] and most.tolist() == [3]
    given = condition(1, voices=voices, most_voices=most)
    expected = 9 * np.log(0.5) - np.log(5) - 2 * np.log1p(np.exp(-9.0)) - np.log1p(np.exp(-20.0))
    assert np.isclose(planner.log_likelihood(given).item(), expected, atol=1e-4)
    assert planner.log_likelihood(condition(1)).item() == 0
    assert torch.equal(kit_noise(4), kit_noise(4)) and not torch.equal(kit_noise(4), kit_noise(5))


def test_form_as_numbers():
    form = Form.unknown(10)
    border = np.zeros(10)
    border[6] = 3
    named = np.arange(10) == 2
    known = np.ones(10, bool)
    form = replace(form, border=border, named=named, entering=np.full(10, 5), parts_known=known)
    form = replace(form, since_change=np.asarray([0, 1, 2, 3, 4, 5, 0, 1, 2, 3]))
    features = form_features(form, first=2, end=10)
    column = {name: features[:, at].tolist() for at, name in enumerate(COLUMNS)}
    assert features.shape == (11, len(COLUMNS)) and column["known"] == [1] * 11
    assert column["border"] == [0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0]
    assert column["entering"][:10] == [3] * 10 and column["parts known"][:10] == [1] * 10
    assert np.flatnonzero(column["begins"]).tolist() == [2]
    assert np.flatnonzero(column["ends"]).tolist() == [10]
    assert np.flatnonzero(column["in 4"])[-2:].tolist() == [6, 10]  # counted from the change at 6
    unknown = form_features(replace(form, parts_known=~known), first=2, end=10)
    assert not unknown[:, 2:6].any()
    assert np.array_equal(of_window(features, np.arange(6, 10)), features[[6, 7, 8, 9, 10]])
