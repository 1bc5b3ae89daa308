"""
Groups, as a member sees them: what is posted comes to everybody once and in the order of its author.
"""
