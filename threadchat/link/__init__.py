"""Several servers as one: one order over all of them, kept by a Redis or Valkey server.

`linkedchat` is what a server uses, and hands what the log tells to the modules that see to it.
`core` says what is to be sent and what has come, without sockets, threads or a clock; `lua` has the
steps that the broker takes at once; `link` drives both with two threads, and is the order of a
chat's rooms.
"""
