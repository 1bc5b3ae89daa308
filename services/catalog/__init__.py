"""
The catalog: which files a node keeps on other nodes, in which versions, and who holds their pieces.
"""
