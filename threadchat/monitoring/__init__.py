"""What happens on a server, counted and logged: events, figures, log files."""
