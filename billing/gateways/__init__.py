"""Whom does MedBook ask to take money and to give it back?"""
