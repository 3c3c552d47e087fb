"""Long work: asked for in an act, done by a worker, watched while it runs."""
