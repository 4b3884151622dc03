"""How a drummer learns: warm-up, adversarial phase and re-ranking, one object each, and the loop around them."""
