"""Presets of models and trainings, one TOML file each."""
