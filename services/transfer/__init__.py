"""
Uploads and downloads: from the local disk to the suppliers, and back.
"""
