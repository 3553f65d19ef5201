"""What is kept over time: the history of rooms, and records of names, mail and bans."""
