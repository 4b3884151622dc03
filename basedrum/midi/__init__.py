"""MIDI files in and out: the only room that imports MIDI libraries."""
