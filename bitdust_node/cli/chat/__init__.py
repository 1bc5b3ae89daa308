"""The terminal chat: a client of the node's WebSocket."""
