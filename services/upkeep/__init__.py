"""
Upkeep of what is stored: suppliers are audited and judged, and replaced when they are gone.
"""
