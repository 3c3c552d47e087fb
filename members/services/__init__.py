"""What can be done to accounts, members and patients?"""
