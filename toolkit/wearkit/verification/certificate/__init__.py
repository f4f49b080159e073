"""What a comparison proved: decided by a closed list of conditions, written, and checked again."""
