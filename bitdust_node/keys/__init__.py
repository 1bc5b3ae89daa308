"""RSA keys: signing, sealing for a reader, and their files."""
