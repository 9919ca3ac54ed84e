"""Configuration: the settings, their checks, and where each value was found."""
