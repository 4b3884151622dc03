"""A table of songs gets the style that the row names, where the drums agree."""

import csv

import numpy as np

from basedrum.corpus.practice import practice_songs
from basedrum.measures.style_bars import StyleBars
from basedrum.training import label_styles


def test_a_label_stays_only_where_the_drums_agree(tmp_path):
    songs = {song.style: song.data for song in practice_songs(0, 32)}
    rows = [
        ("a", "rock", "Ramones", "one", songs["punk"]),  # named punk, plays punk
        ("b", "rock", "Ramones", "two", songs["jazz"]),  # named punk, plays jazz
        ("c", "rock", "NoDoubt", "three", songs["punk"]),  # not named
        ("d", "rock", "Ramones", "four", b"no song"),
    ]
    (tmp_path / "songs").mkdir()
    lines = ["id,source,artist_or_game,title,path"]
    for name, source, artist, title, data in rows:
        (tmp_path / "songs" / f"{name}.mid").write_bytes(data)
        lines.append(f"{name},{source},{artist},{title},{title}.mid")
    (tmp_path / "songs.csv").write_text("\n".join(lines) + "\n")
    out = tmp_path / "labelled.csv"
    label_styles.main([str(tmp_path / "songs.csv"), str(tmp_path / "songs"), "-o", str(out)])
    with out.open(newline="") as table:
        found = list(csv.DictReader(table))
    assert [row["style"] for row in found] == ["punk", "", "", ""]
    assert [row["title"] for row in found] == ["one", "two", "three", "four"]


def test_a_style_without_rules_in_the_metre_is_not_agreed_to():
    hits = np.zeros((4, 12, 12), bool)
    assert not label_styles.agrees("rock", StyleBars(hits, hits * 1, np.zeros((4, 12), bool)))
