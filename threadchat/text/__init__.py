"""Text that strangers send: names, cleaning, encodings, look-alikes; and phrases for lines."""
