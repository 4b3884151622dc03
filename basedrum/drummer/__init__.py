"""A model turned into a drummer for a whole song."""
