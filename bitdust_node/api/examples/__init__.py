"""One call of every method, and calls that are refused: shown in the documentation, and run by tests against a node."""
