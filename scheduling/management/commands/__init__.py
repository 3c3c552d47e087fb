"""Which commands does this app answer?"""
