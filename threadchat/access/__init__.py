"""Access: limits, flood guard, bans, passphrases."""
