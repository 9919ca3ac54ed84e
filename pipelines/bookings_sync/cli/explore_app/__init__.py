"""Explore: pick a figure and what to see it by, and get the chart and the SQL.

Input:  the published marts.
Output: `question` makes SQL of what is picked; `app` is the marimo app that asks it and draws the answer. marimo is an
        extra (`explore`): nothing else imports `app`, and `bookings explore` runs it as a file.
"""
