"""Sandbox Bank: the other party of a payment, for development. It knows nothing of MedBook."""
