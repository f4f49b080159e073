"""Recordings -> windows of sensor counts -> who trains, who tests."""
