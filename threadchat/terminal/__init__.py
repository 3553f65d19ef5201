"""Turn a terminal's bytes into lines, and draw on it: telnet, modes, line editing, views."""
