"""Formats that differ from Django's; the admin's lists and forms use them."""
