"""Recorded sessions: written so that a kill loses nothing, read back, converted."""
