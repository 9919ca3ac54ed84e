"""Airflow: one DAG. A file in the DAGs folder needs two lines: see examples/airflow/bookings.py.

```
dag    the DAG: the locations, a mapped sync task, the models
tasks  what the tasks do; imported when a task runs, because Airflow parses the DAG's file every few seconds
```
"""
