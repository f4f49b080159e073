"""QuantizedGraph -> C99."""
