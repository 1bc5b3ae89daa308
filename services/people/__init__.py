"""
What people do with each other: keys that change hands, friends, nicknames.
"""
