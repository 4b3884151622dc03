"""Pictures are valid PNGs that show what they were given."""

import io
import sys

import matplotlib.image
import numpy as np
import pytest

from basedrum.errors import BasedrumError
from basedrum.music import kit
from basedrum.music.grid import Grid
from basedrum.music.notation import groove
from basedrum.music.rolls import BassRoll, DrumRoll
from basedrum.render.picture import draw, draw_phrases

ROCK = groove("kick x.....x...x.....", "snare ....X.......X...", "closed hat x.x.x.x.x.x.x.x.")


def bass_line(*notes, num_measures=1):
    """Notes as (start step, steps, pitch)."""
    onset, sustain = np.zeros((2, num_measures * 16, 72), bool)
    for start, length, pitch in notes:
        onset[start, pitch - 24] = True
        sustain[start : start + length, pitch - 24] = True
    return BassRoll(onset, sustain)


LINE = bass_line((0, 6, 36), (6, 2, 43), (10, 4, 48))


def repeated(roll, times):
    return type(roll)(*(np.concatenate([getattr(roll, name)] * times) for name in roll.__dataclass_fields__))


def picture(path, *args, **kwargs):
    draw(*args, path, **kwargs)
    return pixels(path)


def pixels(path):
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return matplotlib.image.imread(io.BytesIO(data))[..., :3]


def inked(image):
    return float((image.min(axis=-1) < 0.75).mean())


def test_a_picture_is_a_png_with_something_on_it(tmp_path):
    image = picture(tmp_path / "a.png", LINE, ROCK, title="Rock")
    assert image.shape[1] == 1320 and 0.005 < inked(image) < 0.5


def test_same_music_same_bytes_and_other_music_another_picture(tmp_path):
    first = picture(tmp_path / "a.png", LINE, ROCK)
    draw(LINE, ROCK, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    other_bass = picture(tmp_path / "c.png", bass_line((0, 6, 36), (6, 2, 43), (11, 3, 48)), ROCK)
    fewer = ROCK.velocities.copy()
    fewer[0] = 0
    other_drums = picture(tmp_path / "d.png", LINE, DrumRoll(fewer, ROCK.offsets))
    assert first.shape == other_bass.shape == other_drums.shape
    assert not np.array_equal(first, other_bass) and not np.array_equal(first, other_drums)


def test_repeated_notes_do_not_look_like_one_long_note(tmp_path):
    long = picture(tmp_path / "a.png", bass_line((0, 8, 40)), ROCK)
    repeats = picture(tmp_path / "b.png", bass_line((0, 4, 40), (4, 4, 40)), ROCK)
    assert not np.array_equal(long, repeats)


def test_louder_is_darker(tmp_path):
    def at(velocity):
        hits = np.zeros((16, kit.NUM_VOICES))
        hits[:, kit.SNARE] = velocity
        return picture(tmp_path / "a.png", LINE, hits).mean()

    assert at(120) < at(80) < at(30) < at(0)


def test_kit_hits_may_be_given_instead_of_a_roll(tmp_path):
    assert inked(picture(tmp_path / "a.png", LINE, ROCK.to_kit())) > 0.005


def test_silence_can_be_drawn(tmp_path):
    assert inked(picture(tmp_path / "a.png", BassRoll.empty(), DrumRoll.empty())) < 0.1


def test_longer_songs_give_more_rows(tmp_path):
    bass, drums = repeated(LINE, 32), repeated(ROCK, 32)
    four, eight, all_of_it = (picture(tmp_path / "a.png", bass, drums, measures=range(n)) for n in (4, 8, 32))
    assert four.shape[0] < eight.shape[0] < all_of_it.shape[0] < 2400
    assert (
        picture(tmp_path / "a.png", bass, drums, measures=range(30, 38)).shape
        == picture(tmp_path / "b.png", bass, drums, measures=range(2)).shape
    )


def test_bars_are_numbered_from_the_song(tmp_path):
    bass, drums = repeated(LINE, 8), repeated(ROCK, 8)
    first = picture(tmp_path / "a.png", bass, drums, measures=range(4))
    later = picture(tmp_path / "b.png", bass, drums, measures=range(4, 8))
    assert first.shape == later.shape and not np.array_equal(first, later)


def test_short_measures_take_the_room_they_have(tmp_path):
    """In 3/4 the four missing steps are not drawn: three beat lines a bar, and the picture differs from one
    in 4/4."""
    bass, drums = (
        repeated(bass_line((0, 8, 36)), 4),
        repeated(groove("kick x...........", "snare ....x...x..."), 4),
    )
    waltz = Grid(480, 4 * 3 * 480, time_signatures=((0, 3, 4),))
    three, four = (
        picture(tmp_path / "a.png", bass, drums, grid=waltz),
        picture(tmp_path / "b.png", bass, drums),
    )
    assert three.shape == four.shape and not np.array_equal(three, four)
    assert inked(three) > inked(four)  # the same notes, drawn wider


def test_compound_bars_have_dotted_beats(tmp_path):
    bass, drums = repeated(LINE, 4), repeated(ROCK, 4)
    simple = Grid(480, 4 * 6 * 240, time_signatures=((0, 3, 4),))
    compound = Grid(480, 4 * 6 * 240, time_signatures=((0, 6, 8),))
    a, b = (picture(tmp_path / "a.png", bass, drums, grid=grid) for grid in (simple, compound))
    assert a.shape == b.shape and not np.array_equal(a, b)


def test_a_contact_sheet_holds_every_phrase(tmp_path):
    bass, drums = repeated(LINE, 4), repeated(ROCK, 4).to_kit()
    draw_phrases([(bass, drums)] * 3, tmp_path / "a.png", titles=["one", "two", "three"])
    draw_phrases([(bass, drums)], tmp_path / "b.png")
    three, one = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    assert three.shape[0] > 1.8 * one.shape[0] and three.shape[1] > 1.8 * one.shape[1]


def test_what_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="16 steps, drums have 32"):
        draw(LINE, repeated(ROCK, 2), path)
    with pytest.raises(ValueError, match="roll of 1"):
        draw(LINE, ROCK, path, measures=range(1, 2))
    with pytest.raises(ValueError, match="expected a DrumRoll"):
        draw(LINE, np.zeros((16, 9)), path)
    with pytest.raises(ValueError, match="at least one"):
        draw_phrases([], path)
    with pytest.raises(BasedrumError, match="cannot be written"):
        draw(LINE, ROCK, tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_is_left_alone(tmp_path):
    had = "matplotlib.pyplot" in sys.modules
    draw(LINE, ROCK, tmp_path / "a.png")
    assert ("matplotlib.pyplot" in sys.modules) == had
