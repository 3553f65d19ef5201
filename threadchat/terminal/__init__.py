"""What happens on a client's terminal: telnet, lines, editing. Bytes in, events and bytes out."""
