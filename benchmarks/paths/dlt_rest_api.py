"""Peer 1: dlt's `rest_api` source, with a parent and a child resource as in dlt's documentation.

Lists the services and requests each service's appointments once. dlt unpacks contacts into columns, custom fields and
tags into child tables, and merges by id.
Usage: python dlt_rest_api.py BASE_URL KEY START_MS END_MS DATABASE default|parquet
"""

import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source


def main() -> None:
    base_url, key, start_ms, end_ms, database, loader_format = sys.argv[1:]
    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url,
            "auth": {"type": "bearer", "token": key},
            "paginator": "single_page",
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [
            {"name": "services", "endpoint": {"path": "calendars/services", "data_selector": "services"}},
            {
                "name": "appointments",
                "endpoint": {
                    "path": "appointments/",
                    "data_selector": "appointments",
                    "params": {
                        "calendarId": "{resources.services.id}",
                        "startDate": start_ms,
                        "endDate": end_ms,
                        "includeAll": "true",
                    },
                },
            },
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer", destination=dlt.destinations.duckdb(database), dataset_name="calendar", pipelines_dir=folder
        )
        chosen = None if loader_format == "default" else loader_format
        pipeline.run(rest_api_source(config), loader_file_format=chosen).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
