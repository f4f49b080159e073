"""The tables that commands print, readable on a terminal of 40 columns."""
