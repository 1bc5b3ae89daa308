"""
Who belongs to which share and group, as this node knows it: rosters, secrets, and the suppliers that keep them.
"""
