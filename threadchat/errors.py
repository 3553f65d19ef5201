"""The two kinds of error that people read: a line for the person, and a line for the operator.

Every error that this package raises on purpose is one of these two. So the code that catches it
knows which reader the text is for. The text is one line: what was wrong, and the way out.
"""


class PersonError(Exception):
    """A line for a person that asked for something that cannot be done."""


class OperatorError(Exception):
    """A line for the operator: something on this machine has to be put right first."""
