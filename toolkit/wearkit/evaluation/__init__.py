"""Scores, intervals, calibration, baselines, and the page that shows them."""
