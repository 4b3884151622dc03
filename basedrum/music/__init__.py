"""Music as numbers: time, the kit, notes and rolls. Numpy only: no files, no networks."""
