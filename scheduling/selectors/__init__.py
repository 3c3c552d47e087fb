"""What do pages, the API and other apps ask about rosters and places?"""
