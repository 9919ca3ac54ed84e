"""Settings: what the user configured, and where each value was found."""
