"""`python -m wearkit` is the `wearkit` command."""

from wearkit.cli import main

main()
