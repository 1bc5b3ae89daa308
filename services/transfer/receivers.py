"""
Who gets the pieces of what is stored now.
"""

from __future__ import annotations

from bitdust_node.waiting import sleep
from services.data_motion import Holder
from services.transfer.means import Means

#: Seconds to wait at the begin for suppliers that are not connected.
GRACE = 3.0
#: Seconds in which they are not waited for a second time.
IMPATIENT = 60.0


async def find_receivers(means: Means, suppliers: int, *, patient: bool) -> dict[int, Holder]:
    """
    The connected suppliers by position, of the first `suppliers`. patient: give those that are just being connected a
    moment, unless that was in vain a moment ago: one that is away for days must not make each small file slow.
    """
    now = means.clock.seconds()
    if patient and now - means.waited_in_vain > IMPATIENT and not await _all_connected(means, suppliers):
        means.waited_in_vain = means.clock.seconds()
    return {
        position: Holder(link.node_id, link.hired.idurl)
        for position, link in means.customer.connected().items()
        if position < suppliers
    }


async def _all_connected(means: Means, suppliers: int) -> bool:
    for _ in range(int(GRACE * 4)):
        if len(means.customer.connected()) >= suppliers:
            return True
        await sleep(means.clock, 0.25)
    return False
