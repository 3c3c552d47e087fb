"""Which pages do members see about themselves?"""
