"""What a device computes against the integer reference, and the certificate of it."""
