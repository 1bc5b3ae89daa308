"""What the node does: one service a module or folder, each a plugin with its API methods."""
