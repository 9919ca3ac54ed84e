"""Chaos: random histories, kills, faults, bad input and odd clocks must lose, miss and leak nothing."""
