"""How a drummer learns: warm-up, adversarial phase and re-ranking, and the loop around them."""
