"""Chaos: random histories, kills, faults, bad input, odd clocks: nothing missed, nothing lost, nothing leaked."""
