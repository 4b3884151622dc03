"""The verbs of basedrum, with paths: generate, prepare, train, evaluate. What the command line and notebooks call.

    import basedrum
    drummer = basedrum.Drummer()
    song = drummer.play("bass.mid", seed=1)
    song.write("song.mid")

Nothing heavy is imported before a verb needs it, so that the command line answers at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from basedrum.errors import BasedrumError, ConfigError, MidiError, printable

if TYPE_CHECKING:
    from basedrum.corpus.collect import PrepareReport
    from basedrum.corpus.phrases import PhraseDataset
    from basedrum.midi.reading import Song, Track
    from basedrum.music.rolls import DrumRoll
    from basedrum.training.config import Config

MAX_CANDIDATES = 64
MAX_MEASURES = 10_000
MAX_SEED = 2**63 - 1
PRACTICE_SONGS = 300


@dataclass(frozen=True)
class PlayedSong:
    """A song and the drums a drummer played to it.

    Attributes:
        song: the song as read; bass: the track the drummer listened to.
        drums: the drums of the whole song, (measures * 16, 72); seed: what they were played with.
    """

    song: Song
    bass: Track
    drums: DrumRoll
    seed: int

    @property
    def num_bars(self) -> int:
        return int(self.song.grid.bars[-1]) + 1

    def to_midi(self, *, drums_only: bool = False, keep_drums: bool = False) -> bytes:
        """Return a MIDI file: the song with these drums instead of its own (or beside them), or the drums alone."""
        from basedrum.midi.writing import drums_alone, song_with_drums

        notes = self.drums.to_notes(self.song.grid)
        notes = notes[notes.start_ticks < self.song.grid.end_tick]  # a late hit on the last step stays inside the song
        return drums_alone(notes, self.song.grid) if drums_only else song_with_drums(self.song, notes, keep_drums)

    def write(self, path: str | os.PathLike, *, drums_only: bool = False, keep_drums: bool = False) -> Path:
        """Write `to_midi` to `path` and return the path.

        Raises:
            BasedrumError: the file cannot be written; one that was there stays as it was.
        """
        from basedrum.files import write_atomic

        write_atomic(path, self.to_midi(drums_only=drums_only, keep_drums=keep_drums))
        return Path(path)


class Drummer:
    """A loaded drummer, ready for any number of songs.

    Args:
        model: the name of a drummer that ships ("default"), or the path of a checkpoint.

    Raises:
        CheckpointError: there is no such drummer, or the file is not one.
    """

    def __init__(self, model: str | os.PathLike = "default") -> None:
        from basedrum.drummer.sampling import load_phrase_model

        self.model = load_phrase_model(os.fspath(model))

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles it can be asked for."""
        return tuple(self.model.styles)

    def play(
        self,
        song: str | os.PathLike | Song,
        *,
        seed: int = 0,
        bass_track: str | int | None = None,
        temperature: float = 1.0,
        density: float | None = None,
        style: str | None = None,
        humanize: float = 0.7,
    ) -> PlayedSong:
        """Play drums to the bass line of a whole song; same song, seed and options, same drums.

        Args:
            song: a MIDI file, or a song already read.
            bass_track: number (from 1) or part of the name of the bass track; found by itself if None.
            temperature: above 0; below 1 plays safe, above 1 wild.
            density: hits per bar to aim at; None leaves it to the drummer.
            style: one of `styles`; None leaves it to the drummer.
            humanize: 0 flat and on the grid .. 1 the full spread in loudness and time of the human drummers measured.

        Raises:
            MidiError: the file cannot be read, or no bass is found in it (NoBassError).
            ConfigError: an option out of its range, or an unknown style.
        """
        from basedrum.drummer.feel import with_feel
        from basedrum.drummer.song import play_song, sounding_measures
        from basedrum.midi.reading import read_song
        from basedrum.midi.tracks import find_bass
        from basedrum.music.rolls import BassRoll

        _check(seed, temperature, density, humanize)
        state = self.model.new_song(seed, temperature=temperature, density=density, style=style)
        if isinstance(song, str | os.PathLike):
            song = read_song(song)
        grid = song.grid
        if grid.num_measures > MAX_MEASURES:
            raise MidiError(f"{printable(song.name)}: has more than {MAX_MEASURES} bars, give a MIDI file of one song")
        bass = find_bass(song, bass_track)
        sounding = sounding_measures([bass.notes, *(track.notes for track in song.tracks if not track.is_drum)], grid)
        hits = play_song(state, BassRoll.from_notes(bass.notes, grid), grid, sounding, self.model.lookahead)
        return PlayedSong(song, bass, with_feel(hits, seed, humanize), seed)


def _check(seed: int, temperature: float, density: float | None, humanize: float) -> None:
    """Raise ConfigError where an option of `Drummer.play` is out of its range."""
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed {seed}: out of range, give a whole number from 0 to 2^63 - 1")
    if not (math.isfinite(temperature) and 0 < temperature <= 10):
        raise ConfigError(f"temperature {temperature:g}: out of range, give a number above 0, at most 10")
    if density is not None and not (math.isfinite(density) and 0 < density <= 64):
        raise ConfigError(f"density {density:g}: out of range, give hits per bar above 0, at most 64")
    if not 0 <= humanize <= 1:
        raise ConfigError(f"humanize {humanize:g}: out of range, give a number from 0 to 1")


@dataclass(frozen=True)
class Written:
    """One file that `generate` wrote."""

    source: Path
    path: Path
    played: PlayedSong


def generate(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike | None = None,
    *,
    model: str | os.PathLike = "default",
    seed: int = 0,
    candidates: int = 1,
    drums_only: bool = False,
    keep_drums: bool = False,
    on_written: Callable[[Written], None] = lambda written: None,
    **playing,
) -> tuple[list[Written], list[BasedrumError]]:
    """Write drums for each MIDI file of `inputs`; return what was written, and why the others were not.

    Args:
        output: a .mid file, or a folder (made if it is missing) for `NAME.drums.mid` of each input. Without it the file goes
            beside the input. An input is never overwritten.
        candidates: how many answers to write, `NAME.1.mid`, `NAME.2.mid` ... with seeds seed, seed + 1, ...
        drums_only: write the drums alone, without the song; keep_drums: keep the drums the song already has.
        playing: the other options of `Drummer.play`.

    Raises:
        ConfigError: an option out of its range. CheckpointError: the model cannot be used. BasedrumError: outputs that
            cannot be: one that is an input, two that are one, a name without .mid. Nothing was written then.
    """
    if not 1 <= candidates <= MAX_CANDIDATES:
        raise ConfigError(f"candidates {candidates}: out of range, give a whole number from 1 to {MAX_CANDIDATES}")
    if drums_only and keep_drums:
        raise ConfigError("drums only: leaves the song's own drums out, do not ask to keep them as well")
    sources = [Path(path) for path in inputs]
    targets = output_paths(sources, output, candidates)
    drummer = Drummer(model)
    written, failures = [], []
    for source, paths in zip(sources, targets, strict=True):
        try:
            song = source  # read once, played once per candidate
            for number, path in enumerate(paths):
                played = drummer.play(song, seed=seed + number, **playing)
                song = played.song
                _make_folder(path.parent)
                played.write(path, drums_only=drums_only, keep_drums=keep_drums)
                written.append(Written(source, path, played))
                on_written(written[-1])
        except ConfigError:
            raise
        except BasedrumError as error:
            failures.append(error)
    return written, failures


def output_paths(sources: list[Path], output: str | os.PathLike | None, candidates: int = 1) -> list[list[Path]]:
    """Return the files to write for each input; see `generate`.

    Raises:
        BasedrumError: an output that is an input, two that are one, or a file without .mid.
    """
    folder, name = None, None
    if output is not None:
        path = Path(output)
        is_folder = len(sources) > 1 or path.is_dir() or os.fspath(output).endswith(("/", os.sep))
        if is_folder and path.exists() and not path.is_dir():
            raise BasedrumError(f"{printable(path)}: is a file, name a folder for the drums of several songs")
        if not is_folder and path.suffix.lower() not in (".mid", ".midi"):
            raise BasedrumError(f"{printable(path)}: is neither a .mid file nor a folder that exists, name one of them")
        folder, name = (path, None) if is_folder else (path.parent, path)
    targets, taken = [], {os.path.realpath(source): source for source in sources}
    for source in sources:
        one = name or (folder or source.parent) / f"{source.stem}.drums.mid"
        numbered = [one.with_name(f"{one.stem}.{i + 1}{one.suffix}") for i in range(candidates)] if candidates > 1 else [one]
        for target in numbered:
            other = taken.setdefault(os.path.realpath(target), target)
            if other is not target:
                what = "is an input" if other in sources else "would be written twice"
                raise BasedrumError(f"{printable(target)}: {what}, choose another place with -o")
        targets.append(numbered)
    return targets


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BasedrumError(f"{printable(folder)}: cannot be made: {error.strerror}, choose another place") from error


def prepare(sources: Sequence[str | os.PathLike], output: str | os.PathLike, **options) -> PrepareReport:
    """Turn songs into a folder of phrases to train on; options as in `basedrum.corpus.collect.prepare`.

    Raises:
        DataError: a source cannot be used, or no phrase is left.
    """
    from basedrum.corpus import collect

    return collect.prepare(sources, output, **options)


def prepare_practice(folder: str | os.PathLike, *, count: int = PRACTICE_SONGS, seed: int = 0, progress: bool = True) -> Path:
    """Write the practice songs to `folder`/songs, prepare them in `folder`/data unless that is done, and return the latter."""
    from basedrum.corpus.phrases import PhraseDataset
    from basedrum.corpus.practice import practice_songs
    from basedrum.errors import DataError
    from basedrum.files import write_atomic

    songs, data = Path(folder) / "songs", Path(folder) / "data"
    try:
        return PhraseDataset.open(data).folder
    except DataError:  # not yet there, or not finished
        _make_folder(songs)
    lines = ["id,style"]
    for song in practice_songs(seed, count):
        write_atomic(songs / f"{song.name}.mid", song.data)
        lines.append(f"{song.name},{song.style}")
    listing = Path(folder) / "songs.csv"
    write_atomic(listing, "\n".join([*lines, ""]).encode())
    prepare([songs], data, songs_csv=listing, seed=seed, source_caps={}, progress=progress)
    return data


def train(
    run: str | os.PathLike | None = None,
    data: str | os.PathLike | None = None,
    *,
    preset: str | None = None,
    settings: Sequence[str] = (),
    resume: bool = False,
    device: str = "auto",
    progress: bool = True,
    on_start: Callable[[Config, PhraseDataset], None] = lambda config, dataset: None,
) -> Path:
    """Train a drummer and return the file of its weights.

    Args:
        run: the folder of the run; runs/PRESET by default.
        data: what `prepare` wrote; by default the practice songs, which are prepared in the run folder first.
        preset: a name or a TOML file; `modern` with data, `quick` without.
        settings: overrides of the preset, such as "train.steps=500".
        resume: go on with the run that is in the folder.
        device: auto, cpu or cuda.
        on_start: told the resolved config and the data before the first step.

    Raises:
        ConfigError, DataError, CheckpointError, TrainingError. KeyboardInterrupt: a signal stopped it; it was saved.
    """
    from basedrum import __version__
    from basedrum.training.config import load_config
    from basedrum.training.runfolder import RunFolder

    preset = preset or ("quick" if data is None else "modern")
    config = load_config(preset, settings)
    folder = RunFolder(run if run is not None else Path("runs") / Path(preset).stem)
    if "RANK" not in os.environ:
        with folder.lock():  # a folder in use is refused here, before torch is imported
            pass
    elif data is None:
        raise ConfigError("torchrun: the practice songs are not prepared, name prepared songs with --data")

    from basedrum.corpus.phrases import PhraseDataset

    dataset = PhraseDataset.open(prepare_practice(folder.path / "practice", progress=progress) if data is None else data)
    if not config.model.styles:
        config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))

    from basedrum.training import loop
    from basedrum.training.look import Look

    is_chief = os.environ.get("RANK", "0") == "0"
    if is_chief:
        on_start(config, dataset)
    return loop.train(
        config,
        dataset.folder,
        folder.path,
        resume=resume,
        device=device,
        progress=progress,
        on_look=Look(dataset, config, folder.pictures) if is_chief else None,
        provenance={"basedrum": __version__, "preset": Path(preset).stem, "settings": list(settings)},
    )
