"""The verbs of basedrum, with paths: generate, prepare, train, evaluate. What the command line and notebooks
call.

Nothing heavy is imported before a verb needs it, so that the command line answers at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basedrum.errors import BasedrumError, ConfigError, DataError, printable
from basedrum.outputs import make_folder, output_paths, write_song
from basedrum.play_options import MAX_SEED, OutputOptions, PlayOptions, to_docstring
from basedrum.player import Drummer, PlayedSong

if TYPE_CHECKING:
    from basedrum.corpus.collect import PrepareReport
    from basedrum.corpus.phrases import PhraseDataset
    from basedrum.evaluation.report import Report
    from basedrum.training.config import Config
    from basedrum.training.runfolder import RunFolder

PRACTICE_SONGS = 300


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
    play: PlayOptions | None = None,
    write: OutputOptions | None = None,
    on_written: Callable[[Written], None] = lambda written: None,
    **changes: Any,
) -> tuple[list[Written], list[BasedrumError]]:
    """Write drums for each MIDI file of `inputs`; return what was written, and why the others were not.

    Args:
        output: a .mid file, or a folder (made if it is missing) for `NAME.drums.mid` of each input. Without
            it the file goes beside the input. An input is never overwritten.
        play: how to play; write: what to write; None: the defaults.
        changes: single options of either, by name:

    Raises:
        ConfigError: an option out of its range. WeightsError: the model cannot be used. BasedrumError:
            outputs that cannot be: one that is an input, two that are one, a name without .mid. Nothing was
            written then.
    """
    of_playing = {field.name for field in fields(PlayOptions)}
    play = replace(play or PlayOptions(), **{k: v for k, v in changes.items() if k in of_playing})
    write = replace(write or OutputOptions(), **{k: v for k, v in changes.items() if k not in of_playing})
    if write.keep_drums and play.bars is not None:
        raise ConfigError("bars: keeps the drums of all other bars, do not ask to keep drums as well")
    if play.seed is not None and play.seed > MAX_SEED - write.candidates:
        highest = f"2^63 - {write.candidates + 1}"
        raise ConfigError(f"seed {play.seed}: out of range, give a whole number from 0 to {highest}")
    sources = [Path(path) for path in inputs]
    targets = output_paths(sources, output, write.candidates)
    drummer = Drummer(model)
    written: list[Written] = []
    failures: list[BasedrumError] = []
    for source, paths in zip(sources, targets, strict=True):
        try:
            candidates = play_candidates(drummer, source, play, write.candidates)
            for path, played in zip(paths, candidates, strict=True):
                write_song(path, played, write)
                written.append(Written(source, path, played))
                on_written(written[-1])
        except ConfigError:
            raise
        except BasedrumError as error:
            failures.append(error)
    return written, failures


generate.__doc__ = (generate.__doc__ or "").replace(
    "by name:\n", f"by name:\n{to_docstring(PlayOptions)}\n{to_docstring(OutputOptions)}\n"
)


def play_candidates(
    drummer: Drummer, source: str | os.PathLike, options: PlayOptions, count: int
) -> list[PlayedSong]:
    """Return `count` sets of drums to one song, with the seed and those that follow it.

    The best by the drummer's re-ranker (`PlayedSong.score`) comes first; without a re-ranker they stay in the
    order of their seeds.
    """
    played = [drummer.play(source, options)]
    for number in range(1, count):  # read once, played once per candidate
        seed = played[0].seed + number
        played.append(drummer.play(played[0].song, replace(options, seed=seed)))
    if count > 1:
        scores = {song.seed: song.score for song in played}
        if None not in scores.values():
            played.sort(key=lambda song: -(scores[song.seed] or 0.0))
    return played


def styles(model: str | os.PathLike = "default") -> tuple[str, ...]:
    """Return the styles a drummer can be asked for.

    Raises:
        WeightsError: the model cannot be used.
    """
    from basedrum.weight_files import styles_of

    return styles_of(model)


def prepare(sources: Sequence[str | os.PathLike], output: str | os.PathLike, **options) -> PrepareReport:
    """Turn songs into a folder of phrases to train on; options as in
    `basedrum.corpus.collect.PrepareOptions`.

    Raises:
        DataError: a source cannot be used, or no phrase is left.
    """
    from basedrum.corpus import collect

    return collect.prepare(sources, output, collect.PrepareOptions(**options))


def prepare_practice(
    folder: str | os.PathLike, *, count: int = PRACTICE_SONGS, seed: int = 0, progress: bool = True
) -> Path:
    """Write the practice songs to `folder`/songs, prepare them in `folder`/data unless that is done, and
    return the latter."""
    from basedrum.corpus.phrases import HELD_OUT_FILE, PhraseDataset
    from basedrum.corpus.practice import practice_songs
    from basedrum.files import write_atomic

    songs, data = Path(folder) / "songs", Path(folder) / "data"
    with contextlib.suppress(DataError):  # not yet there, or not finished
        dataset = PhraseDataset.open(data)
        if (data / HELD_OUT_FILE).is_file():  # not so in data prepared by earlier versions
            return dataset.folder
    make_folder(songs)
    lines = ["id,style,phase16,phase_gain"]  # the bars are as written, where the drums have no one as well
    for song in practice_songs(seed, count):
        write_atomic(songs / f"{song.name}.mid", song.data)
        lines.append(f"{song.name},{song.style},0,0")
    listing = Path(folder) / "songs.csv"
    write_atomic(listing, "\n".join([*lines, ""]).encode())
    prepare([songs], data, songs_csv=listing, seed=seed, source_caps={}, progress=progress)
    return data


@dataclass(frozen=True)
class TrainOptions:
    """How a training is asked for.

    Attributes:
        preset: a name or a TOML file; None: `modern` with data, `quick` without.
        settings: overrides of the preset, such as "adversarial.steps=500".
        resume: go on with the run that is in the folder.
        device: auto, cpu or cuda.
        progress: whether to show a progress bar.
        on_start: told the resolved config and the data before the first step.
    """

    preset: str | None = None
    settings: Sequence[str] = ()
    resume: bool = False
    device: str = "auto"
    progress: bool = True
    on_start: Callable[[Config, PhraseDataset], None] = lambda config, dataset: None


def train(
    run: str | os.PathLike | None = None,
    data: str | os.PathLike | None = None,
    options: TrainOptions | None = None,
    **changes: Any,
) -> Path:
    """Train a drummer and return the file of its weights.

    Args:
        run: the folder of the run; runs/PRESET by default.
        data: what `prepare` wrote; by default the practice songs, which are prepared in the run folder first.
        options: how to train; None: the defaults. changes: single options, by name.

    Raises:
        ConfigError, DataError, WeightsError, TrainingError. KeyboardInterrupt: a signal stopped it; it was
        saved.
    """
    from basedrum.training.config import load_config
    from basedrum.training.runfolder import RunFolder

    options = replace(options or TrainOptions(), **changes)
    preset = options.preset or ("quick" if data is None else "modern")
    config = load_config(preset, options.settings)
    folder = RunFolder(run if run is not None else Path("runs") / Path(preset).stem)
    is_alone = "RANK" not in os.environ
    if not is_alone and data is None:
        raise ConfigError("torchrun: the practice songs are not prepared, name prepared songs with --data")
    with (
        folder.lock() if is_alone else contextlib.nullcontext()
    ):  # one in use is refused before torch is imported
        if data is None:
            data = prepare_practice(folder.practice, progress=options.progress)
        return _train(config, folder, data, replace(options, preset=preset))


def _train(config: Config, folder: RunFolder, data: str | os.PathLike, options: TrainOptions) -> Path:
    from basedrum import __version__
    from basedrum.corpus.phrases import PhraseDataset

    dataset = PhraseDataset.open(data)
    if not config.model.styles:
        config = replace(config, model=replace(config.model, styles=tuple(dataset.styles)))

    from basedrum.training import loop
    from basedrum.training.validation import Validation

    is_chief = os.environ.get("RANK", "0") == "0"
    if is_chief:
        options.on_start(config, dataset)
    loop_options = loop.LoopOptions(
        options.resume,
        options.device,
        options.progress,
        Validation(dataset, config, folder.pictures) if is_chief else None,
        {
            "basedrum": __version__,
            "preset": Path(str(options.preset)).stem,
            "settings": list(options.settings),
        },
    )
    return loop.train(config, dataset.folder, folder, loop_options)


def evaluate(
    models: Sequence[str | os.PathLike] = ("default",),
    data: str | os.PathLike | None = None,
    output: str | os.PathLike = "report",
    *,
    beside: str | os.PathLike | None = None,
    progress: bool = True,
    on_progress: Callable[[str], None] | None = None,
    **options,
) -> Report:
    """Measure drummers on held-out songs beside real drums and baselines; write OUTPUT.json, .txt, .md and
    .png.

    Args:
        data: what `prepare` wrote; by default the practice songs, prepared in the folder practice-data.
        beside: the JSON of an earlier report on the same songs; these drummers are added to those of that
            report, which are not measured again.
        on_progress: called with the name of what is measured next.
        options: split, seed, limit, quick and the others of `basedrum.evaluation.evaluate.Options`.

    Raises:
        WeightsError, DataError. BasedrumError: a file cannot be written.
    """
    from basedrum.corpus.phrases import PhraseDataset
    from basedrum.evaluation.drummers import UserDrummer
    from basedrum.evaluation.evaluate import Options
    from basedrum.evaluation.evaluate import evaluate as measure
    from basedrum.evaluation.report import Report
    from basedrum.files import write_atomic

    earlier = None
    if beside is not None:
        try:
            earlier = Report.from_json(Path(beside).read_text("utf-8"))
        except OSError as error:
            raise DataError(f"{printable(beside)}: cannot be read, {error.strerror}") from error
        except (DataError, ValueError) as error:
            raise DataError(f"{printable(beside)}: {error}") from error
    drummers = [UserDrummer(model) for model in models]
    dataset = PhraseDataset.open(
        prepare_practice("practice-data", progress=progress) if data is None else data
    )
    report = measure(drummers, dataset, Options(**options), earlier=earlier, on_progress=on_progress)
    make_folder(Path(output).parent)
    write_atomic(f"{os.fspath(output)}.json", report.to_json().encode())
    write_atomic(f"{os.fspath(output)}.txt", report.to_text().encode())
    write_atomic(f"{os.fspath(output)}.md", report.to_markdown().encode())
    report.plot(f"{os.fspath(output)}.png")
    return report


def labs() -> list[tuple[str, str]]:
    """Return name and summary of every experiment of `basedrum.lab`."""
    from basedrum import lab

    return list(lab.summaries())


def run_lab(
    name: str,
    data: str | os.PathLike | None = None,
    output: str | os.PathLike | None = None,
    *,
    model: str | os.PathLike = "default",
    seed: int = 0,
    quick: bool = False,
) -> str:
    """Run an experiment and return its table.

    Args:
        data: what it measures on; output: a JSON file for its numbers; quick: a rough table from little data.

    Raises:
        ConfigError: there is no such experiment. DataError: data that is missing or cannot be used.
    """
    from basedrum import lab

    request = lab.Request(
        None if data is None else Path(data),
        quick,
        seed,
        None if output is None else Path(output),
        os.fspath(model),
    )
    return lab.run(name, request)
