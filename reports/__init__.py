"""Questions across all apps."""
