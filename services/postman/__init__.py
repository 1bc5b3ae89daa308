"""
What suppliers keep for people who are away: mailboxes, and the posts of groups.
"""
