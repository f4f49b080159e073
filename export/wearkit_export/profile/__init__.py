"""What a bundle's C costs, counted on emulated cores."""
