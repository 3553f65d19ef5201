"""Messages: what is said and shown, as data; formats; the codec."""
