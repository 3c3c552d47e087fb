"""Who: accounts, members, patients, tiers and privileges."""
