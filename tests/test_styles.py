"""Names of styles as users type them, and labels of known collections."""

import subprocess
import sys

import pytest

from basedrum.corpus.style_labels import FAMILIES, HUMAN_DRUMS, TITLES, label_of
from basedrum.errors import ConfigError
from basedrum.music.styles import STYLES, find_style, normalise, style_named

OLD_NAMES = ["funk", "hip_hop", "jazz", "latin", "metal", "pop", "punk", "reggae", "rock", "soul"]
NAMES = {style.name for style in STYLES}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("rock", "rock"),
        ("Hard Rock", "hard_rock"),
        ("hip-hop", "hip_hop"),
        ("Hip Hop", "hip_hop"),
        ("R&B", "neo_soul"),
        ("r & b", "neo_soul"),
        ("neo soul", "neo_soul"),
        ("drum'n'bass", "drum_and_bass"),
        ("Drum & Bass", "drum_and_bass"),
        ("dnb", "drum_and_bass"),
        ("bossa nova", "bossa"),
        ("12/8 blues", "twelve_eight_blues"),
        ("swing", "jazz"),
        ("shuffle", "blues_shuffle"),
        ("motown", "soul"),
        ("techno", "house"),
        ("salsa", "latin"),
        ("son", "latin"),
        ("train", "country"),
        ("one-drop", "reggae"),
        ("  new   wave ", "new_wave"),
        ("6/8", "six_eight"),
    ],
)
def test_a_style_is_found_as_a_user_types_it(typed, name):
    assert find_style(typed).name == name


def test_every_name_is_its_own_normal_form_and_belongs_to_one_style():
    every = [name for style in STYLES for name in (style.name, *style.aliases)]
    assert len(every) == len(set(every))
    assert all(normalise(name) == name for name in every)
    assert all(0 < len(style.description) <= 80 for style in STYLES)


def test_the_names_of_earlier_drummers_are_still_taken():
    assert all(style_named(name) for name in OLD_NAMES)


def test_an_unknown_style_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean reggae"):
        find_style("regae")
    with pytest.raises(ConfigError, match="unknown, `basedrum styles`"):
        find_style("qqqq")
    assert style_named("qqqq") is None


def test_the_table_imports_no_torch():
    code = "import sys, basedrum.music.styles; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("row", "style"),
    [
        ({"source": "mma", "artist_or_game": "kara-kbossa", "title": "kara-kbossa-kbossaA-1"}, "bossa"),
        ({"source": "mma", "artist_or_game": "kara-kbossa", "title": "kara-kbossa-kbossaEndingA-1"}, None),
        ({"source": "mma", "artist_or_game": "pflib-metal1", "title": "pflib-metal1-metal1FA-2"}, None),
        ({"source": "mma", "artist_or_game": "stdlib-tango", "title": "stdlib-tango-Tango-1"}, None),
        ({"source": "gmd", "title": "gmd-drummer5_session1_2-latin_brazilian-bossa-127-s2"}, "bossa"),
        ({"source": "gmd", "title": "gmd-drummer1_session1_1-rock_halftime-90-s1"}, None),
        ({"source": "rock", "artist_or_game": "Ramones", "title": "x"}, "punk"),
        ({"source": "rock", "artist_or_game": "NoDoubt", "title": "x"}, None),
        ({"source": "wildwest", "title": "Metallica - Enter Sandman"}, "metal"),
        ({"source": "vgmusic", "artist_or_game": "Sonic", "title": "Bossa level"}, None),
        ({"source": "midi-archives", "artist_or_game": "jazz", "title": "blue_bossa"}, "bossa"),
        (
            {
                "source": "midi-archives",
                "artist_or_game": "jazz",
                "title": "x",
                "drum_R16": ".3",
                "drum_Rtrip": ".6",
            },
            "jazz",
        ),
        (
            {
                "source": "midi-archives",
                "artist_or_game": "jazz",
                "title": "x",
                "drum_R16": ".6",
                "drum_Rtrip": ".3",
            },
            None,
        ),
        ({"source": "midi-archives", "artist_or_game": "jazz", "title": "x"}, None),
        ({}, None),
    ],
)
def test_a_song_is_labelled_by_its_row_or_not_at_all(row, style):
    assert label_of(row) == style


def test_labels_are_names_of_styles():
    assert set(FAMILIES) | set(HUMAN_DRUMS) | set(TITLES) <= NAMES
