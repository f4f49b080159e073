"""Windows and a split -> a run: the loop, its methods, what it leaves on disk."""
