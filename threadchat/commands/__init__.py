"""The slash commands, one module a topic, and the registry that runs them."""
