"""The distributed hash table: records, routing, lookups, and the node that speaks UDP."""
