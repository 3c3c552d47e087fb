"""The outbox: messages written with the act that causes them, delivered after its commit."""
