"""A model and held-out songs in, a report out."""
