"""The operator's view: the log, the footer below it, and the line that the operator types."""
