"""The server: listeners, admission, the table of clients, and the stop."""
