"""The money: what is asked, and what comes in."""
