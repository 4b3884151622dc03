"""The classic family: a roll of 64 steps x 72 pitches, batch norm, a 3-D discriminator over the roll."""
