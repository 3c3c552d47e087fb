"""What does reports make of the whole?"""
