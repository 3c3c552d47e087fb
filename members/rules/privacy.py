"""How often may a member ask for everything?"""

# Source: PIPL article 45 asks for copies in good time and names no number; each takes a worker.
EXPORTS_A_DAY = 3
