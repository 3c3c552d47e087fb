"""What do pages, API and other apps ask about members?"""
