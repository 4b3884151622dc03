"""The family that ships: an autoregressive generator, a planner of repeated bars, a 3-D discriminator."""
