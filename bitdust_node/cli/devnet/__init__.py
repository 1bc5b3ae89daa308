"""Whole networks of real processes on this machine."""
