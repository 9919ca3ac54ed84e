"""The reference for a sync: sends the same requests with httpx and parses the replies with orjson.

Usage: python fetch_and_parse.py REQUESTS, where REQUESTS is a JSON list of {"url", "key"}.
Prints {"requests", "bytes", "cpu_s"}; `cpu_s` excludes Python's start and the imports.
"""

import json
import sys
import time
from pathlib import Path

import httpx
import orjson


def main() -> None:
    requests = json.loads(Path(sys.argv[1]).read_bytes())
    began, size = time.process_time(), 0
    with httpx.Client(timeout=120, trust_env=False) as client:
        for request in requests:
            reply = client.get(request["url"], headers={"Authorization": f"Bearer {request['key']}"})
            reply.raise_for_status()
            orjson.loads(reply.content)
            size += len(reply.content)
    cpu_s = round(time.process_time() - began, 3)
    print(json.dumps({"requests": len(requests), "bytes": size, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
