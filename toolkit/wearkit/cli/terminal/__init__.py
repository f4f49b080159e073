"""What several commands ask and print with: options, tables, displays, signals."""
