"""Which rules of rosters, sales and names could be argued about? Pure policy."""
