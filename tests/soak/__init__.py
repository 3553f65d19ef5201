"""A soak: a crowd that does everything at random while it is checked that every promise is kept.

`python -m tests.soak --minutes 30` runs it. `participant` is one of the crowd, `crowd` decides what
they do, `judge` knows from the server's log what each must have seen, `world` puts these together.
"""
