"""One adversarial step, and the loop around it."""
