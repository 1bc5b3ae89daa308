"""
Who belongs to a share or group, and the secrets that they have in common: signed rosters and epochs.
"""
