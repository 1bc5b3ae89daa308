"""
The identity server: documents on disk, and the web site that gives and takes them.
"""
