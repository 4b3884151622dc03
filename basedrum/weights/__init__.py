"""The drummers that ship."""
