"""The folder that export leaves: files, equality, report, model card."""
