"""Which addresses does billing answer?"""
