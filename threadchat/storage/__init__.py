"""What the server keeps over time: the history of rooms, and records of names, mail and bans."""
