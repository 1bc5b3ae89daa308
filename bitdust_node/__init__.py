"""
The core of a BitDust node, on which transports and services stand.
"""

__version__ = "0.1.0"
