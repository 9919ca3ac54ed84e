"""Peer 2: PyAirbyte with a declarative manifest: services are the parents, appointments are read for each.

Usage: AIRBYTE_OFFLINE_MODE=1 python pyairbyte.py BASE_URL KEY START_MS END_MS DATABASE
"""

import sys
from typing import Any

import airbyte
from airbyte.caches import DuckDBCache

# fmt: off
TEXTS = (
    "id", "calendarServiceId", "calendarProviderId", "calendarId", "userId", "assignedUserId", "userCalendarId",
    "contactId", "locationId", "status", "appoinmentStatus", "appointmentStatus", "title", "notes", "address",
    "selectedTimezone",
)
# fmt: on
TIMES = ("startTime", "endTime", "createdAt", "updatedAt")
APPOINTMENT = (
    {name: {"type": ["null", "string"]} for name in TEXTS}
    | {name: {"type": ["null", "string"], "format": "date-time"} for name in TIMES}
    | {name: {"type": ["null", "boolean"]} for name in ("isRecurring", "isFree")}
    | {"contact": {"type": ["null", "object"], "additionalProperties": True}}
)


def manifest(base_url: str) -> dict[str, Any]:
    """The source, in Airbyte's low-code language."""
    services = _stream(base_url, "services", "/calendars/services", {}, {"id": {"type": "string"}})
    window = {
        "calendarId": "{{ stream_partition.service_id }}",
        "startDate": "{{ config['start_ms'] }}",
        "endDate": "{{ config['end_ms'] }}",
        "includeAll": "true",
    }
    appointments = _stream(base_url, "appointments", "/appointments/", window, APPOINTMENT)
    appointments["retriever"]["partition_router"] = {
        "type": "SubstreamPartitionRouter",
        "parent_stream_configs": [
            {"type": "ParentStreamConfig", "stream": services, "parent_key": "id", "partition_field": "service_id"}
        ],
    }
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["services"]},
        "streams": [services, appointments],
        "spec": {
            "type": "Spec",
            "connection_specification": {"type": "object", "additionalProperties": True, "properties": {}},
        },
    }


def _stream(
    base_url: str, name: str, path: str, parameters: dict[str, str], properties: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": ["id"],
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": base_url,
                "path": path,
                "http_method": "GET",
                "request_parameters": parameters,
                "authenticator": {"type": "BearerAuthenticator", "api_token": "{{ config['api_key'] }}"},
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": [name]},
            },
        },
        "schema_loader": {
            "type": "InlineSchemaLoader",
            "schema": {"type": "object", "additionalProperties": True, "properties": properties},
        },
    }


def main() -> None:
    base_url, key, start_ms, end_ms, database = sys.argv[1:]
    source = airbyte.get_source(
        "source-bookings",
        config={"api_key": key, "start_ms": start_ms, "end_ms": end_ms},
        source_manifest=manifest(base_url),
    )
    source.select_streams(["appointments"])
    source.read(cache=DuckDBCache(db_path=database), force_full_refresh=True)


if __name__ == "__main__":
    main()
