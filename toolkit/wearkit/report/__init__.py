"""What an evaluation found, as numbers (evaluation.json) and as a page (evaluation.html)."""
