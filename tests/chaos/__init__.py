"""
A network under random accidents: what was reported stored comes back.
"""
