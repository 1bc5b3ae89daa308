"""
Messages of people: their history, those who read them, and how private ones travel.
"""
