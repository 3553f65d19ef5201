"""Who may come in, and how fast people may go: limits, bans, passphrases."""
