"""A bundle's model and the wearable's program -> firmware for a board."""
