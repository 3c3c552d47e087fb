"""The operation log: append-only, written in the transaction of the act it records."""
