"""Changes: what is new in a reply, and which earlier reads the news makes stale."""
