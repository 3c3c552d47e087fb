"""What does the API answer about appointments?"""
