"""What a body-worn sensor measured, from any source, as one type."""
