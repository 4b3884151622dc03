"""basedrum: give it a bass line, get a drummer."""

__version__ = "0.1.0"
