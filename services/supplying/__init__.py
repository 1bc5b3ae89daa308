"""
What a supplier does: leases, the ledger, and the pieces that come and go.
"""
