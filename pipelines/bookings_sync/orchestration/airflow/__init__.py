"""Airflow: one DAG. A file in the DAGs folder needs two lines: see examples/airflow/bookings.py.

```
dag    the DAG: locations, a mapped task for each, the models
tasks  what the tasks do: imported when one runs, for Airflow parses the DAG's file again and again
```
"""
