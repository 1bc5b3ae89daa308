"""The packet router: from a command and a node id to a session, and back."""
