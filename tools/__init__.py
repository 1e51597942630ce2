"""What builds, checks and describes the checkout. Nothing here ships in the wheel and nothing in `src` imports it."""
