"""Text: names, cleaning, encodings, look-alikes, search words, and phrases for lines."""
