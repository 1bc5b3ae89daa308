"""The options of a node, one small text file each."""
