"""The machines of a node: one table a file, and the engine that runs them."""
