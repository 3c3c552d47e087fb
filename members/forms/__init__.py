"""What do people type about themselves?"""
