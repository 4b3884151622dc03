"""The event walker: what it reads it writes back, and what is broken it says."""

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_midi import END, NOTE, number, smf

from basedrum.errors import MidiError
from basedrum.midi import events
from basedrum.midi.events import END_OF_TRACK, EventFile, read_events, to_bytes

seven_bit = st.integers(0, 127)
channel_messages = st.one_of(
    st.tuples(st.sampled_from([0x80, 0x9F, 0xA1, 0xB9, 0xE3]), seven_bit, seven_bit),
    st.tuples(st.sampled_from([0xC0, 0xD7]), seven_bit),
).map(bytes)
payloads = st.binary(max_size=300)
metas = st.builds(events.meta, st.integers(0, 127).filter(lambda kind: kind != 0x2F), payloads)
sysex = st.builds(
    lambda head, data: head + number(len(data)) + data, st.sampled_from([b"\xf0", b"\xf7"]), payloads
)
messages = st.one_of(channel_messages, channel_messages, metas, sysex)


@st.composite
def tracks(draw):
    tick, out = 0, []
    for message in draw(st.lists(messages, max_size=20)):
        tick += draw(st.sampled_from([0, 0, 1, 127, 128, 20000, 2**21]))
        out.append((tick, message))
    return (*out, (tick + draw(st.integers(0, 500)), END_OF_TRACK))


files = st.builds(
    EventFile, st.sampled_from([0, 1]), st.integers(1, 32767), st.lists(tracks(), max_size=4).map(tuple)
)


@given(files)
def test_what_is_written_is_read_again(file):
    data = to_bytes(file)
    assert read_events(data) == file
    assert to_bytes(read_events(data)) == data


@given(st.integers(0, 2**28 - 1))
def test_numbers_of_variable_length(value):
    assert events.number_bytes(value) == number(value)
    assert events.read_number(number(value), 0) == (value, len(number(value)))


@pytest.mark.parametrize("value", [-1, 2**28])
def test_a_number_that_does_not_fit_is_refused(value):
    with pytest.raises(ValueError, match="268435455"):
        events.number_bytes(value)


def test_running_status_is_written_out():
    file = read_events(smf(b"\x00\x90\x28\x40\x10\x28\x00\x05\x2b\x50" + END))
    assert file.tracks[0][:3] == ((0, b"\x90\x28\x40"), (16, b"\x90\x28\x00"), (21, b"\x90\x2b\x50"))
    assert file.complaints == ()


def test_a_system_exclusive_ends_running_status_a_meta_event_does_not():
    text = b"\x00\xff\x01\x02hi"
    kept = read_events(smf(b"\x00\x90\x28\x40" + text + b"\x10\x28\x00" + END))
    assert [len(message) for _, message in kept.tracks[0]] == [3, 5, 3, 3]
    assert kept.complaints == ()
    cut = read_events(smf(b"\x00\x90\x28\x40\x00\xf0\x02\x01\xf7\x10\x28\x00" + END))
    assert cut.complaints == ("track 1 has data without a status byte, cut there",)
    assert len(cut.tracks[0]) == 3


def test_another_reader_sees_the_same_messages():
    body = (
        b"\x00\xff\x03\x04Bass\x00\xff\x05\x02la\x10\xff\x59\x02\xfe\x01\x00\xf0\x03\x01\x02\xf7\x00\xb0\x07\x64\x81\x00\xe0\x00\x40"
        + NOTE
        + b"\x00\xff\x7f\x03abc"
        + END
    )
    ours = read_events(smf(body)).tracks[0]
    theirs, tick = [], 0
    for message in mido.MidiFile(file=io.BytesIO(smf(body))).tracks[0]:
        tick += message.time
        theirs.append((tick, bytes(message.bytes())))
    # mido shows a system exclusive without the length that stands in the file
    assert [(t, m[:1] + m[2:] if m[0] == 0xF0 else m) for t, m in ours] == theirs


@pytest.mark.parametrize(
    ("body", "complaint", "num_events"),
    [
        (NOTE, "has no end mark", 3),
        (NOTE + b"\x00\x90\x28", "breaks off", 3),
        (NOTE + b"\x00\xff\x01\x7fabc", "breaks off", 3),
        (NOTE + b"\x81\x81\x81\x81\x00\x90\x28\x40" + END, "breaks off", 3),
        (b"\x00\x90\xa8\x40" + END, "above 127", 2),
        (b"\x00\x28\x40" + END, "without a status", 1),
        (b"\x00\xf8\x00\xf2\x01\x02" + NOTE + END, "on a cable", 3),
        (NOTE + b"\xff\xff\xff\x7f\xff\x01\x00" * 9 + END, "2^31", 11 - 1),
        (b"", "has no end mark", 1),
    ],
)
def test_a_broken_track_is_kept_up_to_the_break(body, complaint, num_events):
    file = read_events(smf(body))
    assert len(file.complaints) == 1
    assert complaint in file.complaints[0]
    assert len(file.tracks[0]) == num_events
    assert read_events(to_bytes(file)).tracks == file.tracks
    assert read_events(to_bytes(file)).complaints == ()


def test_a_gap_longer_than_one_delta_time_is_bridged():
    track = ((0, b"\x90\x28\x40"), (2**30, b"\x80\x28\x00"), (2**30, END_OF_TRACK))
    again = read_events(to_bytes(EventFile(1, 96, (track,)))).tracks[0]
    assert again[-2:] == track[-2:]


def test_too_many_events_and_no_header_are_errors():
    with pytest.raises(MidiError, match="1000000 events"):
        read_events(smf(*[b"\x00\xd0\x01" + b"\x00\x01" * 11_000 + END] * 100))
    with pytest.raises(MidiError, match="1000000 events"):
        read_events(smf(b"\x00\xd0\x01" + b"\x00\x01" * 1_000_000 + END))
    with pytest.raises(MidiError, match="not a MIDI file"):
        read_events(b"RIFF")
