"""
Token buckets.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.router.bucket import Bucket, Buckets


class TokenBuckets(SynchronousTestCase):
    def test_burst_and_rate(self) -> None:
        bucket = Bucket(rate=10, burst=5, now=0)
        self.assertEqual([bucket.take(0) for _ in range(6)], [True] * 5 + [False])
        self.assertEqual([bucket.take(0.1), bucket.take(0.1)], [True, False])
        self.assertEqual(sum(bucket.take(1000) for _ in range(20)), 5)

    def test_clock_that_goes_back(self) -> None:
        bucket = Bucket(rate=10, burst=1, now=100)
        self.assertTrue(bucket.take(100))
        self.assertFalse(bucket.take(50))
        self.assertTrue(bucket.take(51))

    def test_keys_are_bounded(self) -> None:
        buckets = Buckets(rate=1, burst=1, limit=100)
        for number in range(1000):
            self.assertTrue(buckets.take(str(number), 0))
        self.assertEqual(len(buckets), 100)
        self.assertFalse(buckets.take("999", 0))
