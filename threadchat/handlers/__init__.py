"""The door for terminals: the handler of one client, with plain TCP or TLS."""
