"""Samples as they come -> windows -> device-equivalent verdicts."""
