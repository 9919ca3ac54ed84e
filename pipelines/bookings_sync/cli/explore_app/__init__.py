"""The app of `bookings explore`: choose a metric and a dimension, see the chart and the SQL.

Input:  the published tables.
Output: `metrics` writes the SQL; `app` is the marimo app that runs it and draws the result.

marimo is the optional extra `explore`. Nothing imports `app`: `bookings explore` runs it as a file.
"""
