"""
The delivery under accidents, in small; `delivery.py` is the command for more.
"""

from __future__ import annotations

from tests.services.grouping.delivery import Deliveries


class SmallDelivery(Deliveries):
    people_number = 5
    suppliers_number = 2
    posts = 120
    seed = 7


del Deliveries
