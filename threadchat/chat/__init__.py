"""The chat itself: rooms, people, names, and the delivery of messages to everybody."""
