"""What can be done to appointments?"""
