"""A tiny dataset of the Groove MIDI Dataset's form: made-up drummers whose feel we know."""

import zipfile
from pathlib import Path

import numpy as np

from basedrum.midi.building import build_midi
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part

COLUMNS = "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split"
SPLITS = ("train", "train", "train", "validation", "test")
KICK, SNARE, HAT = 36, 38, 22  # the closed hat's edge, as the drum module calls it


def take_midi(
    rng: np.random.Generator, bars: int = 12, metre: tuple[int, int] = (4, 4), swing: float = 0.5
) -> bytes:
    """Eighths on the hat, the off-beats 30 softer; kick 90 on 1 and 3; snare 110 on 2 and 4, late by 0.2
    steps, ghosts 25."""
    grid = Grid(480, bars * 480 * 4 * metre[0] // metre[1], ((0, 100.0),), ((0, *metre),))
    loudness = rng.normal(0, 8)  # of the drummer, all take
    hits = []
    for beat in range(grid.end_tick // 480):
        hits += [(beat, 0, HAT, 80), (beat, swing, HAT, 50)]
        hits.append((beat, 0, KICK, 90) if beat % 2 == 0 else (beat, 0.05, SNARE, 110))
        if beat % 2 and swing == 0.5:
            hits.append((beat, 0.75, SNARE, 25))
    place = np.asarray([beat + within for beat, within, *_ in hits])
    ticks = np.maximum(np.round(480 * (place + rng.normal(0, 0.008, len(hits)))), 0).astype(np.int64)
    velocities = np.clip([v + loudness + rng.normal(0, 4) for *_, v in hits], 1, 127).astype(np.int64)
    pitches = np.asarray([pitch for _, _, pitch, _ in hits])
    order = np.argsort(ticks, kind="stable")
    notes = Notes(ticks[order], ticks[order] + 30, pitches[order], velocities[order])
    return build_midi([Part("Drums", 0, True, notes)], grid)


def write_groove_zip(path: Path, num_takes: int = 15) -> Path:
    """Write takes in turn of the splits and of two styles; the last one is in 3/4, the one before swings."""
    rng = np.random.default_rng(0)
    listing = [COLUMNS]
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(num_takes):
            name, style = f"drummer{i % 2}/session1/{i}", ("rock/halftime", "funk")[i % 2]
            last, swings = i == num_takes - 1, i == num_takes - 2
            metre = (3, 4) if last else (4, 4)
            archive.writestr(
                f"groove/{name}.mid", take_midi(rng, metre=metre, swing=2 / 3 if swings else 0.5)
            )
            fields = (
                f"drummer{i % 2}",
                "session1",
                name,
                style,
                100,
                "beat",
                f"{metre[0]}-{metre[1]}",
                f"{name}.mid",
                "",
                28,
            )
            listing.append(",".join(map(str, (*fields, SPLITS[i % len(SPLITS)]))))
        archive.writestr("groove/info.csv", "\n".join(listing) + "\n")
    return path
