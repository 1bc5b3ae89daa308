"""
The file that keeps the DHT key of this node.
"""

from __future__ import annotations

from bitdust_node.dht.signing import Ed25519Signer, Signer
from bitdust_node.files import read_file, write_file
from bitdust_node.paths import DataFolder

FILE = "dht"


class DhtKey:
    """
    Made at the first start; whoever removes the file gets another id.
    """

    signer: Signer

    def __init__(self, folder: DataFolder) -> None:
        path = folder.keys / FILE
        if not path.exists():
            write_file(path, Ed25519Signer.new_secret())
        self.signer = Ed25519Signer(read_file(path, 1024))
