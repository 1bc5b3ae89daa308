"""
Who gets the pieces of what is stored now.
"""

from __future__ import annotations

from bitdust_node.waiting import sleep
from services.data_motion import Holder
from services.transfer.means import Means

#: Seconds to wait at the begin for suppliers that are hired but not connected.
GRACE = 3.0


async def find_receivers(means: Means, suppliers: int, *, patient: bool) -> dict[int, Holder]:
    """
    The connected suppliers by position, of the first `suppliers`. patient: give those that are just being connected a
    moment.
    """
    if patient:
        await _all_connected(means, suppliers)
    return {
        position: Holder(link.node_id, link.hired.idurl)
        for position, link in means.customer.connected().items()
        if position < suppliers
    }


async def _all_connected(means: Means, suppliers: int) -> None:
    for _ in range(int(GRACE * 4)):
        if len(means.customer.connected()) >= suppliers:
            return
        await sleep(means.clock, 0.25)
