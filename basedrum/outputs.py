"""What `generate` writes for each song, and where: never over an input, never two songs to one file."""

from __future__ import annotations

import os
from pathlib import Path

from basedrum.errors import BasedrumError, printable
from basedrum.play_options import OutputOptions
from basedrum.played import PlayedSong


def output_paths(
    sources: list[Path], output: str | os.PathLike | None, candidates: int = 1
) -> list[list[Path]]:
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
            raise BasedrumError(
                f"{printable(path)}: is neither a .mid file nor a folder that exists, name one of them"
            )
        folder, name = (path, None) if is_folder else (path.parent, path)
    targets = []
    taken = {os.path.realpath(source): source for source in sources}
    for source in sources:
        one = name or (folder or source.parent) / f"{source.stem}.drums.mid"
        numbered = [one]
        if candidates > 1:
            numbered = [one.with_name(f"{one.stem}.{i + 1}{one.suffix}") for i in range(candidates)]
        for target in numbered:
            other = taken.setdefault(os.path.realpath(target), target)
            if other is not target:
                what = "is an input" if other in sources else "would be written twice"
                raise BasedrumError(f"{printable(target)}: {what}, choose another place with -o")
        targets.append(numbered)
    return targets


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing. Raises BasedrumError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BasedrumError(
            f"{printable(folder)}: cannot be made: {error.strerror}, choose another place"
        ) from error


def write_song(path: Path, played: PlayedSong, write: OutputOptions) -> None:
    """Write a song's drums to `path`, and their picture and sound beside it where they are asked for.

    Raises:
        BasedrumError: a file cannot be written; one that was there stays as it was.
    """
    make_folder(path.parent)
    played.write(
        path,
        drums_only=write.drums_only,
        keep_drums=write.keep_drums,
        split_voices=write.split_voices,
        count_in=write.count_in,
    )
    if write.png:
        played.picture(path.with_suffix(".png"), num_bars=write.png_bars)
    if write.wav or write.soundfont is not None:
        played.wav(
            path.with_suffix(".wav"),
            drums_only=write.drums_only,
            keep_drums=write.keep_drums,
            soundfont=write.soundfont,
        )
