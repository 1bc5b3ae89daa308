"""
The process is stopped at each write, and at each wait for the disk: what was acknowledged is there.
"""
