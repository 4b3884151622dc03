"""The sound is there, where the notes are, as loud as they are, and it neither clips nor breaks.

What one would hear is measured: envelopes in time, energy in bands.
"""

import io
import itertools
import math
import sys
import types
import wave
from unittest import mock

import numpy as np
import pytest
from work import Calls, Memory

from basedrum.errors import BasedrumError
from basedrum.music import kit
from basedrum.music.grid import Grid
from basedrum.music.notes import Notes
from basedrum.music.song import Part
from basedrum.render import sound
from basedrum.render.instruments import DRUMS
from basedrum.render.sound import MAX_NOTES, TAIL_S, render, to_wav
from basedrum.render.soundfont import render_soundfont

TPQ = 480
KICK, SNARE, CLOSED, OPEN = 36, 38, 42, 46


def grid_of(num_bars=4, tempos=()):
    return Grid(TPQ, num_bars * 4 * TPQ, tempos=tempos)


def notes(*rows):
    """Notes of (start in quarters, quarters, pitch, velocity)."""
    start, length, pitch, velocity = (np.array(column) for column in zip(*rows, strict=True))
    return Notes(np.rint(start * TPQ), np.rint((start + length) * TPQ), pitch, velocity)


def drums(*rows):
    return Part("Drums", 0, True, notes(*((start, 0.25, pitch, velocity) for start, pitch, velocity in rows)))


def bass(*rows, program=33):
    return Part("Bass", program, False, notes(*rows))


def heard(*parts, grid=None, **options):
    samples, rate = render(parts, grid or grid_of(), **options)
    assert np.isfinite(samples).all() and np.abs(samples).max() <= 1
    assert samples.dtype == np.float32 and samples.shape[1] == 2
    return samples.sum(axis=1), rate


def rms(samples):
    return float(np.sqrt(np.square(samples, dtype=np.float64).mean()))


def share(samples, rate, low_hz, high_hz):
    """The share of the energy between two frequencies."""
    energy = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / rate)
    return energy[(hz >= low_hz) & (hz < high_hz)].sum() / energy.sum()


def onsets(samples, rate):
    """Seconds at which something sounds after 50 ms of silence."""
    sounding = np.flatnonzero(np.abs(samples) > 0.005)
    return sounding[np.diff(sounding, prepend=-rate) > 0.05 * rate] / rate


ROCK = drums(
    *[(beat / 2, CLOSED, 80) for beat in range(32)],
    *[(b, KICK, 110) for b in range(0, 16, 2)],
    (1, SNARE, 100),
)
LINE = bass(*[(beat, 0.9, 33 + beat % 5, 90) for beat in range(16)])


def test_a_song_is_as_long_as_it_is_written_and_a_tail():
    samples, rate = heard(ROCK, LINE)
    assert rate == 44_100 and abs(len(samples) / rate - (4 * 2.0 + TAIL_S)) < 0.01
    assert rms(samples) > 0.02 and samples[-1] == 0


def test_no_notes_no_sound():
    samples, rate = render(
        [Part("Drums", 0, True, Notes.empty()), Part("Bass", 33, False, Notes.empty())], grid_of(2)
    )
    assert not samples.any() and abs(len(samples) / rate - (4.0 + TAIL_S)) < 0.01
    assert not render([], grid_of(1))[0].any()


def test_same_notes_same_bytes():
    assert to_wav(*render([ROCK, LINE], grid_of())) == to_wav(*render([ROCK, LINE], grid_of()))


@pytest.mark.parametrize("pitch", sorted(DRUMS))
def test_every_drum_starts_when_it_is_hit(pitch):
    samples, rate = heard(drums((1, pitch, 110), (3.37, pitch, 60)))
    first, second = (samples[int((t - 0.005) * rate) :] for t in (0.5, 3.37 / 2))
    assert not first[: int(0.0045 * rate)].any()
    start = np.argmax(np.abs(first) > np.abs(first).max() / 5) / rate - 0.005
    assert 0 <= start < 0.01
    again = np.argmax(np.abs(second) > np.abs(second[: int(0.1 * rate)]).max() / 5) / rate
    assert kit.VOICE_OF_PITCH[pitch] in (kit.CRASH, kit.RIDE) or abs(again - 0.005) < 0.01


def test_envelopes_peak_on_the_notes():
    beats = np.array([0.5, 2.25, 4.0, 5.875, 9.0])
    for pitch in (KICK, SNARE, CLOSED, 37):
        samples, rate = heard(drums(*((b, pitch, 100) for b in beats)))
        for second in beats / 2:
            near = samples[int((second - 0.1) * rate) : int((second + 0.2) * rate)]
            envelope = np.convolve(near**2, np.ones(rate // 200), "same")  # 5 ms
            assert abs(envelope.argmax() / rate - 0.1) < 0.01
    samples, rate = heard(bass(*((b, 0.5, 40, 100) for b in beats)))
    assert np.abs(onsets(samples, rate) - beats / 2).max() < 0.01


def test_a_change_of_tempo_is_followed():
    grid = grid_of(4, tempos=((0, 120.0), (4 * TPQ, 60.0), (8 * TPQ, 180.0)))
    beats = (0, 4, 6, 8, 11)
    samples, rate = heard(drums(*((b, SNARE, 100) for b in beats)), grid=grid)
    assert np.abs(onsets(samples, rate) - np.array([0, 2, 4, 6, 7])).max() < 0.01
    assert abs(len(samples) / rate - (2 + 4 + 8 / 3 + TAIL_S)) < 0.01


@pytest.mark.parametrize("pitch", [KICK, SNARE, CLOSED, 49, 75])
def test_a_louder_hit_is_louder_and_not_duller(pitch):
    hits = [heard(drums((0, pitch, v)))[0] for v in range(10, 128, 13)]
    levels = [rms(hit) for hit in hits]
    assert all(quiet * 1.05 < loud for quiet, loud in itertools.pairwise(levels))
    assert share(hits[-1], 44_100, 4000, 22_050) >= share(hits[0], 44_100, 4000, 22_050)


def test_a_louder_bass_is_louder_and_brighter():
    low, high = (heard(bass((0, 1, 33, v)))[0] for v in (40, 110))
    assert rms(high) > 2 * rms(low)
    assert share(high, 44_100, 250, 22_050) > 1.2 * share(low, 44_100, 250, 22_050)


def test_a_kick_is_low_and_a_hat_is_high():
    kick, rate = heard(drums((0, KICK, 110)))
    hat, _ = heard(drums((0, CLOSED, 110)))
    snare, _ = heard(drums((0, SNARE, 110)))
    assert share(kick, rate, 0, 150) > 0.8
    assert share(hat, rate, 5000, 22_050) > 0.8
    assert share(snare, rate, 0, 150) < 0.1 and share(snare, rate, 150, 5000) > 0.5


def test_toms_go_down():
    peaks = []
    for pitch in (50, 48, 47, 45, 43, 41):
        samples, rate = heard(drums((0, pitch, 100)))
        spectrum = np.abs(np.fft.rfft(samples))
        peaks.append(np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()])
    assert all(a > 1.1 * b for a, b in itertools.pairwise(peaks))


def test_the_next_hat_closes_an_open_one():
    alone, rate = heard(drums((0, OPEN, 110)))
    closed, _ = heard(drums((0, OPEN, 110), (0.5, 44, 1)))
    after = slice(int(0.3 * rate), int(0.6 * rate))
    assert np.array_equal(alone[: int(0.24 * rate)], closed[: int(0.24 * rate)])
    assert rms(alone[after]) > 0.003 and rms(closed[after]) < 0.1 * rms(alone[after])


@pytest.mark.parametrize("pitch", [28, 33, 45, 69])
@pytest.mark.parametrize("program", [33, 0])
def test_a_note_has_its_pitch_and_its_length(pitch, program):
    samples, rate = heard(bass((0, 2, pitch, 100), program=program))
    lone = samples[: rate // 2 * 2]
    spectrum = np.abs(np.fft.rfft(lone * np.hanning(len(lone)), 8 * len(lone)))
    hz = np.fft.rfftfreq(8 * len(lone), 1 / rate)[spectrum.argmax()]
    assert abs(12 * math.log2(hz / 440) + 69 - pitch) < 0.2
    assert rms(samples[int(0.9 * rate) : rate]) > 0.01 and not samples[int(1.1 * rate) :].any()


def test_very_loud_music_does_not_clip():
    everything = drums(*((b / 4, pitch, 127) for b in range(64) for pitch in DRUMS))
    chords = [bass(*((b, 1, p, 127) for b in range(16)), program=0) for p in range(40, 90)]
    samples, _ = render([everything, *chords, LINE], grid_of())
    assert 0.9 < np.abs(samples).max() <= 1 and np.isfinite(samples).all()
    whole = np.frombuffer(to_wav(samples, 44_100)[44:], "<i2")
    assert (np.abs(whole.astype(int)) == 32767).mean() < 0.001


def test_hits_stand_left_and_right():
    samples, _ = render([drums((0, 49, 110))], grid_of())
    other, _ = render([drums((0, 57, 110))], grid_of())
    kick, _ = render([drums((0, KICK, 110))], grid_of())
    assert rms(samples[:, 0]) > 1.2 * rms(samples[:, 1]) and rms(other[:, 1]) > 1.2 * rms(other[:, 0])
    assert np.allclose(kick[:, 0], kick[:, 1], atol=1e-6)


def test_a_low_rate_sounds_the_same_and_shorter():
    full, rate = heard(ROCK, LINE)
    small, low_rate = heard(ROCK, LINE, rate=16_000)
    assert low_rate == 16_000 and abs(len(small) / low_rate - len(full) / rate) < 0.001
    assert 0.7 < rms(small) / rms(full) < 1.4


def test_odd_notes_are_played_too():
    """Pitches without a drum, notes past the end, of no length, before the tail: nothing raises."""
    strange = drums((0, 0, 1), (1, 127, 127), (1, 82, 127), (17.5, KICK, 127))
    samples, rate = heard(strange, bass((0, 0, 0, 1), (0, 1, 127, 127), (15.9, 90, 60, 100)))
    assert abs(len(samples) / rate - (17.5 / 2 + TAIL_S)) < 0.01
    assert rms(samples[int(8.75 * rate) :]) > 0.01


def test_a_wav_file_holds_the_samples():
    samples, rate = render([ROCK, LINE], grid_of())
    with wave.open(io.BytesIO(to_wav(samples, rate))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        assert file.getnframes() == len(samples)
        read = np.frombuffer(file.readframes(len(samples)), "<i2").reshape(-1, 2)
    assert np.abs(read / 32767 - samples).max() < 1e-4
    with wave.open(io.BytesIO(to_wav(samples[:, 0], 8000))) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 8000)


def test_what_is_too_long_is_refused():
    with pytest.raises(BasedrumError, match="21 minutes, at most 20"):
        render([ROCK], Grid(TPQ, 21 * 120 * TPQ))
    with pytest.raises(BasedrumError, match="minutes"):
        render([drums((0, KICK, 100))], Grid(32767, 2**31, tempos=((0, 1.0),)))
    many = np.zeros(MAX_NOTES + 1, np.int64)
    with pytest.raises(BasedrumError, match="notes, at most"):
        render([Part("Drums", 0, True, Notes(many, many + 1, many + 40, many + 1))], grid_of())


def test_each_sound_of_three_minutes_is_made_once(monkeypatch):
    """2,543 notes, but few sounds: a drum for each timbre and noise, a tone for each pitch."""
    num_beats = 360
    beat = np.arange(num_beats)
    song_drums = drums(
        *((b / 4, CLOSED, 80 + b % 30) for b in range(num_beats * 4)),
        *((b, KICK if b % 2 == 0 else SNARE, 100) for b in beat),
        *((b, 49, 100) for b in range(0, num_beats, 16)),
    )
    line = bass(*((b / 2, 0.5, 33 + b % 12, 90) for b in range(num_beats * 2)))
    sound._strike.cache_clear()
    tones = mock.Mock(side_effect=sound._tone)
    monkeypatch.setattr(sound, "_tone", tones)
    with Memory() as memory, Calls() as calls:
        samples, rate = render([song_drums, line], grid_of(num_beats // 4))
    assert len(samples) / rate == pytest.approx(180 + TAIL_S, abs=0.01)
    assert sound._strike.cache_info().misses <= 4 * sound.STRENGTHS * sound.VARIANTS
    assert tones.call_count == 12, "an octave of pitches"
    assert calls.count < 40 * 2_543
    assert memory.peak_bytes < 3 * samples.nbytes, "the song, and a little to work with"


class FakeSynth:
    """Sounds at full level while any note is held; remembers what it was told."""

    def __init__(self, gain, samplerate):
        self.rate, self.programs, self.held, self.deleted = samplerate, [], set(), False
        FakeSynth.last = self

    def sfload(self, path):
        return 1 if path.endswith(".sf2") else -1

    def program_select(self, *choice):
        self.programs.append(choice)

    def noteon(self, channel, pitch, velocity):
        self.held.add((channel, pitch))

    def noteoff(self, channel, pitch):
        self.held.remove((channel, pitch))

    def get_samples(self, length):
        return np.full(2 * length, 16384 if self.held else 0, np.int16)

    def delete(self):
        self.deleted = True


def test_a_soundfont_is_played_where_there_is_fluidsynth(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fluidsynth", types.SimpleNamespace(Synth=FakeSynth))
    font = tmp_path / "band.sf2"
    font.write_bytes(b"")
    parts = [bass((1, 1, 40, 90), (2, 1, 40, 90)), drums((4, KICK, 100))]
    samples, rate = render_soundfont(parts, grid_of(), font, rate=8000)
    assert rate == FakeSynth.last.rate == 8000 and FakeSynth.last.deleted and not FakeSynth.last.held
    assert FakeSynth.last.programs == [(0, 1, 0, 33), (9, 1, 128, 0)]
    sounding = np.flatnonzero(samples[:, 0] == 0.5)
    expected = [*range(4000, 12000), *range(16000, 17000)]
    assert samples.shape == (8000 * 10, 2) and np.array_equal(sounding, expected)
    (tmp_path / "words.txt").write_text("no font")
    with pytest.raises(BasedrumError, match="not a soundfont"):
        render_soundfont(parts, grid_of(), tmp_path / "words.txt")
    with pytest.raises(BasedrumError, match="no such file"):
        render_soundfont(parts, grid_of(), tmp_path / "none.sf2")


def test_without_fluidsynth_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(BasedrumError, match=r"basedrum\[fluidsynth\]"):
        render_soundfont([LINE], grid_of(), tmp_path / "band.sf2")


def test_a_hit_of_half_the_velocity_is_nine_and_a_half_decibels_quieter():
    assert 20 * math.log10(sound._gain(127) / sound._gain(64)) == pytest.approx(9.5, abs=0.05)
