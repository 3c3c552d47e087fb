"""How does MedBook speak with insurers?"""
