"""The command line: options, signals, the main function; export, backup and check of a history."""
