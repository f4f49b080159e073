"""Frames of `wearkit link/1`: COBS, CRC-32, messages, their order."""
