"""The chat itself: rooms, people, names, and how a message gets to everybody."""
