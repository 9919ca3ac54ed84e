"""One run: reads what the plan names, and loads what changed."""
