"""What do members see and press?"""
