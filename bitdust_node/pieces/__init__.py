"""From bytes to pieces and back: sealing, erasure code, hash trees, manifests."""
