"""What can be done to rosters, schedules and places?"""
