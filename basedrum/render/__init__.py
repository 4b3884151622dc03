"""Hearing and seeing: notes to sound, rolls to pictures."""
