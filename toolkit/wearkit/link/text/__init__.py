"""Lines of numbers, as `wk-text/1` and other people's sketches print them."""
