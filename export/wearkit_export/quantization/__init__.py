"""Checkpoint -> float graph -> QuantizedGraph."""
