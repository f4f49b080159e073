"""Bytes of a serial link -> samples in counts, each byte booked once."""
