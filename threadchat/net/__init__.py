"""The network: addresses, transports, TLS, send queues, and reasons for an end."""
