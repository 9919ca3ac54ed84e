"""The DAG that keeps the warehouse equal to the calendar. Copy this file to the DAGs folder: see docs/airflow.md."""

from bookings_sync.orchestration.airflow.dag import bookings_dag

bookings = bookings_dag()
