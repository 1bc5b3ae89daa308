"""
All examples, in the order in which they can be run.
"""

from __future__ import annotations

from bitdust_node.api.examples.example import Example
from bitdust_node.api.examples.node import END, NETWORK, NODE, OTHERS
from bitdust_node.api.examples.people import IDENTITIES, KEYS, MESSAGES, TOGETHER, USERS
from bitdust_node.api.examples.storage import FILES, SUPPLIERS

EXAMPLES: tuple[Example, ...] = (
    *IDENTITIES,
    *KEYS,
    *USERS,
    *MESSAGES,
    *TOGETHER,
    *FILES,
    *SUPPLIERS,
    *NODE,
    *NETWORK,
    *OTHERS,
    *END,
)
