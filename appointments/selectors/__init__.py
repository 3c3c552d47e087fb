"""What do pages and the API ask about appointments?"""
