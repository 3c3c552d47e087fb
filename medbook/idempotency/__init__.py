"""Idempotency: the same request twice has one effect."""
