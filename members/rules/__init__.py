"""Which rules hold for members, that somebody could argue about?"""
