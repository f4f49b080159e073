"""Folders and archives as one kind of source. Untrusted: nothing is unpacked to disk."""
