"""A sensor that is not there, on a real pseudo-terminal."""
