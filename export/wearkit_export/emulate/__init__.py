"""That firmware on this computer or an emulated chip, on a pseudo-terminal."""
