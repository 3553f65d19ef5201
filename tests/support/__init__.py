"""What the tests share: one clock, one observer, clients, people, servers."""
