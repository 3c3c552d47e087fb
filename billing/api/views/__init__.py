"""Which API shows and moves money, and tells who is insured?"""
