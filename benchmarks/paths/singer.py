"""Peer 3: tap-rest-api-msdk, Meltano's SDK over any REST API, piped into target-duckdb.

The tap has no parent streams, so each service is a stream and a table. A contact stays JSON text, because the tap would
make a column for each position in each list.
Usage: python singer.py TAP TARGET BASE_URL KEY START_MS END_MS DATABASE, where TAP and TARGET are the two commands.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any


def tap_config(base_url: str, key: str, start_ms: str, end_ms: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{base_url}/calendars/services", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as reply:
        services = json.load(reply)["services"]
    window = {"startDate": start_ms, "endDate": end_ms, "includeAll": "true"}
    return {
        "api_url": base_url,
        "auth_method": "bearer_token",
        "bearer_token": key,
        "num_inference_records": 1000,
        "streams": [
            {
                "name": f"appointments_{number:02}",
                "path": "/appointments/",
                "params": {"calendarId": service["id"], **window},
                "records_path": "$.appointments[*]",
                "primary_keys": ["id"],
                "except_keys": ["contact"],
            }
            for number, service in enumerate(services, 1)
        ],
    }


def main() -> None:
    tap, target, base_url, key, start_ms, end_ms, database = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        tap_file, target_file = Path(folder, "tap.json"), Path(folder, "target.json")
        tap_file.write_text(json.dumps(tap_config(base_url, key, start_ms, end_ms)), encoding="utf-8")
        target_file.write_text(json.dumps({"path": database, "default_target_schema": "calendar"}), encoding="utf-8")
        with (
            subprocess.Popen([tap, "--config", str(tap_file)], stdout=subprocess.PIPE) as tapping,
            subprocess.Popen(
                [target, "--config", str(target_file)], stdin=tapping.stdout, stdout=subprocess.DEVNULL
            ) as loading,
        ):
            assert tapping.stdout is not None
            tapping.stdout.close()  # only the target keeps the pipe open, so the tap notices when the target ends
    if tapping.returncode or loading.returncode:
        sys.exit(f"the tap ended with {tapping.returncode}, the target with {loading.returncode}")


if __name__ == "__main__":
    main()
