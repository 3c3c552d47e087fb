"""The approvals: acts that one person asks for and another decides."""
