"""The network: addresses, sockets, TLS, queues of output, and why connections end."""
