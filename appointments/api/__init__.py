"""Which API does this app offer?"""
