"""QuantizedGraph -> model files, and back from them its fingerprint."""
