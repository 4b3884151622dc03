"""Nothing that happens to a training or to a checkpoint loses work: kills, signals, bad disks, tampered
files, NaN."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from nursery import STAGES

from basedrum.errors import TrainingError, WeightsError
from basedrum.training.runfolder import RunFolder
from basedrum.weights import load_drummer, load_run

TINY = [
    "model.width=8", "model.discriminator_width=8", "train.batch=4", "train.evaluate_every=3",
    "train.save_every=1", "train.validation_phrases=8", "train.precision='float32'",
    "warmup.steps=5", "adversarial.steps=9",
    "adversarial.discriminator_first=2", "adversarial.mismatch_from=0.5", "adversarial.penalty_every=2",
    "reranking.steps=0",
]  # fmt: skip
ASIDE = ("notes.part", ".mine.part", ".run.safetensors.part", "run.safetensors.12345678.part")


@pytest.fixture(scope="module")
def peace(nursery, practice_data, tmp_path_factory):
    """The folder of a training that nothing happened to."""
    folder = tmp_path_factory.mktemp("peace")
    assert nursery.run(train=[str(practice_data), str(folder), TINY])["status"] == 0
    return folder


def curve(folder):
    """The log of a run, but for how fast it went; a column that is empty in a row is left out of it."""
    rows = RunFolder(folder).read_log()
    return [{key: value for key, value in row.items() if value and key != "steps_per_s"} for row in rows]


def assert_as_in_peace(folder, peace):
    assert curve(folder) == curve(peace), "the loss curves differ"
    for name in ("drummer.safetensors", "run.safetensors"):
        assert (folder / name).read_bytes() == (peace / name).read_bytes(), f"{name} differs"


# ---- kill -9


def kill_and_resume(nursery, data, folder, peace, moments, kills, faults=()):
    """Kill a training at such moments (nth checkpoint, stage, delay) and start it again; it must end as in
    peace.

    A training that ends before it is killed is compared as well, and the next one begins in a new folder.

    Returns how many kills left a checkpoint half written.
    """
    task, half, done = {"train": [str(data), str(folder), TINY], "faults": list(faults)}, 0, 0
    for nth, stage, delay in moments:
        wait = "killed" if delay is None else "no"
        end = nursery.kill(delay or 0.0, nth=nth, stages=[stage], wait=wait, **task)
        if end["status"] == 0:
            assert_as_in_peace(folder, peace)
            folder = folder.with_name(f"{folder.name}+")
            task["train"][1] = str(folder)
            continue
        assert end["status"] == -signal.SIGKILL, end["stderr"]
        half += len(list(folder.glob(".run.safetensors.*.part")))
        assert (folder / ".lock").exists()
        if (folder / "run.safetensors").exists():
            load_run(folder / "run.safetensors")
        done += 1
        if done == kills:
            break
    end = nursery.run(**task)
    assert end["status"] == 0, end["stderr"]
    assert_as_in_peace(folder, peace)
    assert done == kills
    assert not [path.name for path in folder.rglob("*.part") if path.name not in ASIDE]
    return half


def moments_at_random(stages, seed=0):
    """Moments soon after a checkpoint was begun, most of them while it is being written."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(1, 4)), str(rng.choice(stages)), float(rng.random() ** 2 * 0.008)


def test_a_training_killed_at_each_stage_of_a_checkpoint_ends_as_in_peace(
    nursery, practice_data, peace, tmp_path
):
    for name in ASIDE:
        (tmp_path / name).write_text("a user's own")
    moments = [(2, stage, None) for stage in STAGES]
    assert kill_and_resume(nursery, practice_data, tmp_path, peace, moments, len(STAGES)) == 3
    assert {path.name for path in tmp_path.iterdir()} >= set(ASIDE)


@pytest.mark.slow
def test_a_training_killed_at_random_ends_as_in_peace(nursery, practice_data, peace, tmp_path):
    kills = int(os.environ.get("BASEDRUM_KILLS", "20"))
    half = kill_and_resume(
        nursery, practice_data, tmp_path / "war", peace, moments_at_random(["begun", "made"]), kills
    )
    print(f"{kills} kills, {half} of them left a checkpoint half written")
    assert half >= kills // 10


@pytest.mark.slow
def test_random_kills_notice_a_plain_write(nursery, practice_data, peace, tmp_path):
    with pytest.raises(WeightsError, match="damaged"):
        kill_and_resume(
            nursery, practice_data, tmp_path / "war", peace, moments_at_random(["begun"]), 60, ["plain_write"]
        )


@pytest.mark.parametrize(
    "fault", ["plain_write", "forget_step", "forget_moments", "forget_average", "forget_sums"]
)
def test_the_kill_test_notices_what_it_is_for(nursery, practice_data, peace, tmp_path, fault):
    with pytest.raises((WeightsError, AssertionError), match=r"damaged|differ"):
        kill_and_resume(nursery, practice_data, tmp_path, peace, [(5, "written", None)], 1, [fault])


# ---- signals


def command(data, folder, *more):
    sets = [part for setting in TINY for part in ("--set", setting)]
    return [
        "train",
        "--data",
        str(data),
        "-o",
        str(folder),
        "--preset",
        "quick",
        "--device",
        "cpu",
        "--quiet",
        *sets,
        *more,
    ]


@pytest.fixture(scope="module")
def quiet(nursery, practice_data, tmp_path_factory):
    """The folder of a training from the command line that nothing happened to."""
    folder = tmp_path_factory.mktemp("quiet")
    end = nursery.run(cli=command(practice_data, folder))
    assert end["status"] == 0, end["stderr"]
    return folder


def assert_resumes(nursery, data, folder, peace):
    end = nursery.run(cli=command(data, folder, "--resume"))
    assert end["status"] == 0, end["stderr"]
    assert_as_in_peace(folder, peace)
    assert not list(folder.rglob("*.part"))


def ended(process):
    """Wait for the end of a process; return what it complained of. One that hangs ends with the test."""
    try:
        return process.communicate()[1]
    finally:
        process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_leaves(nursery, practice_data, quiet, tmp_path, number, status):
    arguments = command(practice_data, tmp_path, "--set", "train.save_every=1000")
    pid = nursery.start(cli=arguments, stages=["looking"], nth=0, wait="signal")
    assert nursery.news() == "looking" and not (tmp_path / "run.safetensors").exists()
    os.kill(pid, number)
    end = nursery.news()
    assert end["status"] == status and end["stderr"] == "basedrum: stopped\n"
    assert 3 <= load_run(tmp_path / "run.safetensors")["step"] <= 4, "at once, with what was done until then"
    assert_resumes(nursery, practice_data, tmp_path, quiet)


@pytest.mark.parametrize(
    ("stages", "nth"),
    [(["step"], 0), (["step"], 2), (["looking"], 0), (["step", "begun", "written"], 3), (["synced"], 3)],
)
def test_a_signal_at_a_bad_moment_loses_nothing(nursery, practice_data, quiet, tmp_path, stages, nth):
    """Before the first step, in the warm-up, during a look, again and again while it saves."""
    pid = nursery.start(cli=command(practice_data, tmp_path), stages=stages, nth=nth, wait="signal")
    while isinstance(news := nursery.news(), str):
        os.kill(pid, signal.SIGINT)
    assert news["status"] == 130, news["stderr"]
    assert news["stderr"] == "basedrum: stopped\n"
    assert load_run(tmp_path / "run.safetensors")["step"] >= 1
    assert_resumes(nursery, practice_data, tmp_path, quiet)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_practice_songs_are_prepared(nursery, tmp_path, number, status):
    arguments = [part for part in command("DATA", tmp_path / "run") if part not in ("--data", "DATA")]
    pid = nursery.start(cli=arguments, faults=["few_songs"], stages=["song"], nth=0, wait="signal")
    assert nursery.news() == "song"
    os.kill(pid, number)
    end = nursery.news()
    assert end["status"] == status and "Traceback" not in end["stderr"], end["stderr"]
    assert len(list(tmp_path.glob("run/practice/songs/*.mid"))) == 1, "at once, not when all are made"
    end = nursery.run(cli=arguments, faults=["few_songs"])
    assert end["status"] == 0, end["stderr"]


@pytest.mark.slow
def test_signals_at_any_moment(nursery, practice_data, quiet, tmp_path):
    """From the first import to the last step: it leaves, and goes on where it was."""
    rng, folder = np.random.default_rng(0), tmp_path / "run"
    for _ in range(12):
        number = [signal.SIGINT, signal.SIGTERM][int(rng.integers(2))]
        arguments = [sys.executable, "-m", "basedrum", *command(practice_data, folder, "--resume")]
        with subprocess.Popen(
            arguments, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        ) as process:
            time.sleep(0.3 + 4 * rng.random())
            process.send_signal(number)
            complaint = ended(process)
        asleep = (
            -number
        )  # Python itself was still starting or leaving already; a shell says 128 + number to that too
        assert process.returncode in (0, 128 + number, asleep), complaint
        assert "Traceback" not in complaint, complaint
        if process.returncode == 0:
            assert_as_in_peace(folder, quiet)
            folder = folder.with_name(f"{folder.name}+")
    assert_resumes(nursery, practice_data, folder, quiet)


# ---- disks


@pytest.fixture
def stopped(nursery, practice_data, tmp_path):
    """The folder of a training that a signal stopped in its sixth step."""
    folder = tmp_path / "stopped"
    pid = nursery.start(cli=command(practice_data, folder), stages=["step"], nth=5, wait="signal")
    while isinstance(news := nursery.news(), str):
        os.kill(pid, signal.SIGTERM)
    assert news["status"] == 143, news["stderr"]
    return folder


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def assert_refused(end, *words):
    """Status 2 and one printable line."""
    assert end["status"] == 2, end["stderr"]
    line = end["stderr"].removesuffix("\n")
    assert line.startswith("basedrum: error: ") and line.isprintable(), line
    assert all(word in line for word in words), line


@pytest.mark.parametrize("call", ["mkstemp", "write", "fsync", "chmod", "replace"])
def test_a_disk_that_fails_in_a_save_leaves_the_last_checkpoint(nursery, practice_data, quiet, stopped, call):
    before = bytes_of(stopped)
    end = nursery.run(cli=command(practice_data, stopped, "--resume"), faults=["bad_disk"], failing=call)
    assert_refused(end, "run.safetensors: cannot be written: No space left on device")
    after = bytes_of(stopped)
    assert after["run.safetensors"] == before["run.safetensors"] and set(after) == set(before)
    assert load_run(stopped / "run.safetensors")["step"] == 6
    assert_resumes(nursery, practice_data, stopped, quiet)


def test_a_size_limit_leaves_the_last_checkpoint(nursery, practice_data, quiet, stopped):
    before = bytes_of(stopped)
    limit = len(before["run.safetensors"]) // 2
    assert limit > len(before["drummer.safetensors"])
    end = nursery.run(cli=command(practice_data, stopped, "--resume"), file_limit=limit)
    assert_refused(end, "run.safetensors: cannot be written: File too large")
    assert bytes_of(stopped)["run.safetensors"] == before["run.safetensors"]
    assert_resumes(nursery, practice_data, stopped, quiet)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB of its own."""
    if shutil.which("mount") is None:
        pytest.skip("no mount here")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_and_one_for_reading_alone(nursery, practice_data, quiet, stopped, small_disk):
    run = small_disk / "run"
    shutil.copytree(stopped, run)
    before = bytes_of(run)
    with contextlib.suppress(OSError), open(small_disk / "ballast", "wb", buffering=0) as ballast:
        for _ in range(32 << 8):
            ballast.write(bytes(1 << 12))
    assert_refused(nursery.run(cli=command(practice_data, run, "--resume")), "No space left on device")
    assert bytes_of(run)["run.safetensors"] == before["run.safetensors"]
    (small_disk / "ballast").unlink()
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - (1 << 20)))
    assert_refused(nursery.run(cli=command(practice_data, run, "--resume")), "No space left on device")
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert_refused(nursery.run(cli=command(practice_data, run, "--resume")), "Read-only file system")
    assert_refused(nursery.run(cli=command(practice_data, small_disk / "new")), "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert_resumes(nursery, practice_data, run, quiet)


# ---- numbers that are not finite


@pytest.mark.parametrize(
    ("fault", "words"), [("nan_before", ("the loss", "is not finite")), ("nan_after", ("not finite",))]
)
def test_a_weight_that_is_not_finite_stops_the_run_in_that_step(
    nursery, practice_data, quiet, tmp_path, fault, words
):
    end = nursery.run(cli=command(practice_data, tmp_path), faults=[fault])
    assert_refused(end, "step 7: ", "lower the learning rate", "the last checkpoint is kept", *words)
    assert load_run(tmp_path / "run.safetensors")["step"] == 7
    assert curve(tmp_path) == curve(quiet)[:2]
    assert load_drummer(tmp_path / "drummer.safetensors").model
    assert_resumes(nursery, practice_data, tmp_path, quiet)


@pytest.mark.parametrize("rate", ["warmup.lr", "adversarial.model_lr", "adversarial.discriminator_lr"])
def test_a_learning_rate_beyond_reason_stops_the_run(nursery, practice_data, tmp_path, rate):
    end = nursery.run(cli=command(practice_data, tmp_path, "--set", f"{rate}=1e30"))
    assert_refused(end, "step ", "not finite", "lower the learning rate", "the last checkpoint is kept")
    step = int(end["stderr"].partition("step ")[2].partition(":")[0])
    last = load_run(tmp_path / "run.safetensors")["step"] if (tmp_path / "run.safetensors").exists() else 0
    assert step - 1 <= last <= step
    assert [row["step"] for row in curve(tmp_path)] == [str(s) for s in range(3, step + 2, 3)]


@pytest.mark.parametrize("rate", ["warmup.lr", "adversarial.model_lr", "adversarial.discriminator_lr"])
def test_a_loss_beyond_reason_is_named(nursery, practice_data, tmp_path, rate):
    """As before, with no checkpoint in between that would notice the weights."""
    settings = ("--set", f"{rate}=1e30", "--set", "train.save_every=1000")
    end = nursery.run(cli=command(practice_data, tmp_path, *settings))
    assert_refused(
        end, "step ", "the loss ", "is not finite", "lower the learning rate", "the last checkpoint is kept"
    )


@pytest.mark.parametrize(
    "value",
    ["warmup.lr=-1", "reranking.lr=nan", "adversarial.beta1=1.0", "train.seed=9223372036854775808"],
)
def test_a_setting_that_no_optimiser_takes_is_refused(nursery, practice_data, tmp_path, value):
    assert_refused(nursery.run(cli=command(practice_data, tmp_path, "--set", value)), value.partition("=")[0])


# ---- two trainings in one folder


def test_a_second_training_is_refused_before_torch_is_imported(practice_data, tmp_path):
    code = (
        "import sys, basedrum.cli as cli; s = cli.main(sys.argv[1:]); "
        "print('torch' in sys.modules); sys.exit(s)"
    )
    with RunFolder(tmp_path).lock():
        before = bytes_of(tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", code, *command(practice_data, tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "False\n"
        assert_refused({"status": done.returncode, "stderr": done.stderr}, "another training is using it")
        assert bytes_of(tmp_path) == before


def test_the_first_training_is_not_disturbed_by_a_second(nursery, practice_data, quiet, tmp_path):
    """Not even while its practice songs would be prepared, nor by its sweeping."""
    pid = nursery.start(cli=command(practice_data, tmp_path), stages=["written"], nth=3)
    assert nursery.news() == "written"
    assert list(tmp_path.glob(".run.safetensors.*.part"))
    with pytest.raises(TrainingError, match="another training"), RunFolder(tmp_path).lock():
        pass
    assert list(tmp_path.glob(".run.safetensors.*.part"))
    os.kill(pid, signal.SIGKILL)
    assert nursery.news()["status"] == -signal.SIGKILL
    assert_resumes(nursery, practice_data, tmp_path, quiet)


def test_the_folder_is_held_while_the_practice_songs_are_prepared(nursery, tmp_path):
    pid = nursery.start(
        cli=["train", "-o", str(tmp_path), "--quiet"], faults=["few_songs"], stages=["preparing"], nth=0
    )
    assert nursery.news() == "preparing"
    with pytest.raises(TrainingError, match="another training"), RunFolder(tmp_path).lock():
        pass
    os.kill(pid, signal.SIGKILL)
    assert nursery.news()["status"] == -signal.SIGKILL
    with RunFolder(tmp_path).lock():
        pass


def test_a_training_does_not_depend_on_where_and_when_it_runs(practice_data, quiet, tmp_path):
    """Same data, seed and one thread: the same bytes in another folder, with another hash seed, locale and
    time zone."""
    variables = {"PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", "basedrum", *command(practice_data, tmp_path / "run")]
    subprocess.run(arguments, check=True, cwd=tmp_path, env=os.environ | variables, capture_output=True)
    assert_as_in_peace(tmp_path / "run", quiet)
