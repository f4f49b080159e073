"""The front door: one verb a module, for notebooks and for the command line."""
