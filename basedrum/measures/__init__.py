"""Pure measures of rolls, and the simple drummers to beat."""
