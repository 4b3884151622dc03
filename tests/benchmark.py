"""Speed, measured here and now: `python tests/benchmark.py [--rounds 5] [--steps 24] [--preset modern]`.

What the tests do not assert. Each figure is a ratio of two things that this run times in turn, so that it
tells something on any machine; medians of the rounds. A cold `basedrum generate` of a song of three minutes
beside `python -c "import torch"`; `basedrum --help` beside `python -c pass`; reading a song beside symusic
alone; drums, feel and sound of a song beside one of half its length (2: in proportion) and its duration; the
measures beside a training step; a training step beside the matrix multiplications this machine can do. Run it
on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

QPM, BARS = 120, 90  # 90 bars of two seconds: three minutes


def bass_song(num_bars: int) -> bytes:
    """Return a bass line of eighths with rests, another figure every eight bars, as a MIDI file."""
    from basedrum.midi.building import build_midi
    from basedrum.music.grid import Grid
    from basedrum.music.notes import Notes
    from basedrum.music.song import Part

    rng = np.random.default_rng(0)
    figures = rng.random((num_bars // 8 + 1, 8)) < 0.7
    eighths = np.flatnonzero(np.concatenate([figures[bar // 8] for bar in range(num_bars)]))
    pitches = 33 + rng.integers(0, 12, len(eighths))
    notes = Notes(eighths * 240, eighths * 240 + 200, pitches, np.full(len(eighths), 90))
    return build_midi([Part("Bass", 33, False, notes)], Grid(480, num_bars * 1920, ((0, float(QPM)),)))


def seconds(command: list[str], folder: str) -> np.ndarray:
    """Return (wall clock, processor) seconds of one run."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.asarray(
        [time.perf_counter() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime]
    )


def cold_start(rounds: int, model: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "song.mid").write_bytes(bass_song(BARS))
        generate = [
            sys.executable,
            "-m",
            "basedrum",
            "generate",
            "song.mid",
            "-o",
            "out.mid",
            "--model",
            model,
        ]
        torch = [sys.executable, "-c", "import torch"]
        helped = [sys.executable, "-m", "basedrum", "--help"]
        commands = (generate, torch, helped, [sys.executable, "-c", "pass"])
        for command in commands:  # once for the disk cache
            seconds(command, folder)
        runs = np.asarray([[seconds(command, folder) for command in commands] for _ in range(rounds)])
    median, ratio = np.median(runs, axis=0), runs[:, 0] / runs[:, 1]
    names = (
        f"basedrum generate, {BARS} bars, cold",
        "python -c 'import torch'",
        "basedrum --help",
        "python -c pass",
    )
    print(f"{'':36}{'wall s':>9}{'processor s':>13}")
    for name, (wall, processor) in zip(names, median, strict=True):
        print(f"{name:36}{wall:9.2f}{processor:13.2f}")
    wall, processor = np.median(ratio, axis=0)
    low, high = ratio[:, 0].min(), ratio[:, 0].max()
    spread = f"wall {low:.2f} to {high:.2f} in {rounds} rounds"
    print(f"{'generate : import torch (bar: 1.5)':36}{wall:9.2f}{processor:13.2f}   {spread}")
    wall, processor = np.median(runs[:, 2] / runs[:, 3], axis=0)
    print(f"{'--help : python -c pass (bar: 4)':36}{wall:9.2f}{processor:13.2f}")


def in_turn(rounds: int, first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the median ratio of the times of two calls, and the median time of the first in seconds."""
    times = np.zeros((rounds, 2))
    first(), second()
    for number in range(rounds):
        for which, call in enumerate((first, second)):
            began = time.process_time()
            call()
            times[number, which] = time.process_time() - began
    return float(np.median(times[:, 0] / times[:, 1])), float(np.median(times[:, 0]))


def warm_ratios(rounds: int, model: str) -> None:
    """Print how long the parts of `generate` take, in processor time, beside something that bounds them."""
    import symusic
    import torch

    import basedrum
    from basedrum.drummer.feel import with_feel
    from basedrum.measures import metrics
    from basedrum.midi.reading import parse_song
    from basedrum.render.sound import render

    torch.set_num_threads(1)
    long, short = bass_song(2 * BARS), bass_song(BARS)
    ratio, _ = in_turn(5 * rounds, lambda: parse_song(long), lambda: symusic.Score.from_midi(long))
    print(f"{'reading a song : symusic alone':50}{ratio:6.2f}")
    drummer = basedrum.Drummer(model)
    songs = [parse_song(data) for data in (long, short)]
    played = [drummer.play(song, seed=1) for song in songs]
    hits = [song.drums.to_kit() for song in played]
    lengths_s = [60 * 4 * bars / QPM for bars in (2 * BARS, BARS)]
    pairs = {
        "playing": [lambda song=song: drummer.play(song, seed=1) for song in songs],
        "the feel of": [
            lambda h=h, song=song: with_feel(h, song.grid) for h, song in zip(hits, songs, strict=True)
        ],
        "the sound of": [lambda song=song: render(song.tracks, song.grid) for song in songs],
    }
    for name, (of_long, of_short) in pairs.items():
        ratio, spent = in_turn(rounds, of_long, of_short)
        print(
            f"{name + ' a song : one of half its length (bar: 2.2)':50}{ratio:6.2f}   "
            f"{lengths_s[0] / spent:.0f} times as fast as it sounds"
        )
    rng = np.random.default_rng(5)
    bass, drums = rng.random((500, 64)) < 0.3, rng.random((500, 64, 12)) < 0.08
    answers = np.stack([np.roll(drums, k, axis=0) for k in range(4)])
    numbers = np.repeat(np.arange(100), 5)
    square = torch.randn(1024, 1024)

    def measured() -> None:
        metrics.lift(drums, bass, numbers)
        metrics.variety(answers, drums, numbers)

    ratio, _ = in_turn(rounds, measured, lambda: square @ square)
    print(f"{'lift and variety of 500 phrases : 1024^2 product':50}{ratio:6.2f}")


def matmul_ceiling(dtype, size: int = 1024, rounds: int = 8) -> float:
    """Return the floating point operations a second of the best of some multiplications of square
    matrices."""
    import torch

    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    best = np.inf
    for _ in range(rounds):
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def seconds_a_step(trainer, steps: int) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        trainer.advance()
    return (time.perf_counter() - began) / steps


def training(preset: str, steps: int) -> None:
    """Print steps a second of the game (warm-up left out), and what share of the ceiling its convolutions
    reach.

    The share is that of steps without gradient penalty: the counter cannot follow a gradient of a gradient.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from basedrum.app import prepare_practice
    from basedrum.corpus.phrases import PhraseDataset
    from basedrum.training.config import load_config
    from basedrum.training.trainer import Trainer

    settings = ["warmup.steps=1", "adversarial.discriminator_first=0", "adversarial.mismatch_from=0.0"]
    with tempfile.TemporaryDirectory() as folder:
        data = PhraseDataset.open(prepare_practice(folder, count=40, progress=False))
        whole, plain = (
            Trainer(load_config(preset, [*settings, *more]), data) for more in ([], ["adversarial.gamma=0.0"])
        )
        whole.advance(), plain.advance()
        with FlopCounterMode(display=False) as counter:
            seconds_a_step(plain, steps)
        per_step, per_plain_step = seconds_a_step(whole, steps), seconds_a_step(plain, steps)
    dtype = torch.bfloat16 if plain.process.is_halved else torch.float32
    work, ceiling = counter.get_total_flops() / steps, matmul_ceiling(dtype)
    batch, threads = whole.config.train.batch, torch.get_num_threads()
    print(f"training, preset {preset}, batch {batch}, {threads} threads: {1 / per_step:.2f} steps/s")
    print(
        f"  without penalty {1 / per_plain_step:.2f} steps/s, {work / 1e9:.1f} GFLOP a step: "
        f"{work / per_plain_step / ceiling:.0%} of {ceiling / 1e9:.0f} GFLOP/s of a 1024^2 {dtype} product"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is started (default: 5)")
    parser.add_argument("--model", default="default", help="the drummer to play (default: default)")
    parser.add_argument("--preset", default="modern", help="the training to time (default: modern)")
    parser.add_argument(
        "--steps", type=int, default=24, help="training steps to time; 0 for none (default: 24)"
    )
    options = parser.parse_args()
    model = os.path.abspath(options.model) if os.path.exists(options.model) else options.model
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    cold_start(options.rounds, model)
    warm_ratios(options.rounds, model)
    if options.steps:
        training(options.preset, options.steps)


if __name__ == "__main__":
    main()
