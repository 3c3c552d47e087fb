"""What do the packages for sign-in need to know of members?"""
