"""
What the node costs on this machine, beside what its primitives cost: `make bench`.
"""
