"""Hearing and seeing: rolls to pictures."""
