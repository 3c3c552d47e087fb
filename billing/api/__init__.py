"""Which API lets members see what they owe and pay it?"""
