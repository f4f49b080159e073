"""The networks: their shapes without torch, their layers with it, their weights on disk."""
