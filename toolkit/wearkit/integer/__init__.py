"""QuantizedGraph, and the numpy reference that defines the right answer."""
