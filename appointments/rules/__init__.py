"""Which rules of booking, waiting and visiting could be argued about? Pure policy."""
