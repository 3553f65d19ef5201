"""What is said and shown, as data, and how formats show it."""
