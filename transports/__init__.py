"""How bytes reach another node: one transport a module, each a plugin."""
