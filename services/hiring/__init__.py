"""
Hiring of suppliers, and the links to those that are hired.
"""
