"""Changes: finds the news in a reply, and the earlier reads that the news makes stale. Pure."""
