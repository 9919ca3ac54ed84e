"""The app of `bookings explore`: choose a metric and a dimension, or a ready-made report; see chart and SQL.

Input:  the published tables; the metrics catalogue.
Output: `periods` says which weeks are over. `reports` has the ready-made reports. `charts` draws both. `app` is the
        marimo app.

marimo is the optional extra `explore`. Nothing imports `app`: `bookings explore` runs it as a file.
"""
