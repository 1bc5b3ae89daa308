"""
What clients can follow by models: the objects of the services.
"""
