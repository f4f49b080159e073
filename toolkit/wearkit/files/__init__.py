"""Files that appear complete or not at all, and are read with a limit."""
