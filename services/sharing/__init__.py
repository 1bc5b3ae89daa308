"""
Shares: catalogs that several people read and write, kept by the suppliers of one of them.
"""
