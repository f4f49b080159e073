"""A bundle of wearkit export, and the runtimes that carry its model."""
