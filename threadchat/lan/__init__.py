"""The LAN: announcing a server there by multicast DNS, and finding the servers of others."""
