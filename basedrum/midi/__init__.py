"""MIDI files in and out: the only room (beside `corpus.lpd`) that imports MIDI libraries."""
