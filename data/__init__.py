"""The practice book: our own bass figures, grooves and fills in text notation (CC0)."""
