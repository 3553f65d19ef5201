"""The command line: options, signals, the server's main function, and the export."""
