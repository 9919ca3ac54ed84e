"""The successor API, v2, over the same worlds as v1.

```python
with SandboxServer(world) as server:
    httpx.get(server.base_url_v2 + "/calendars/", params={"locationId": location.id}, headers={
        "Authorization": f"Bearer {location.pit}", "Version": "2021-04-15"})
```

Ids are the same in both versions: a service is a calendar, a team is a group, an appointment is an event.

Where to look: `routes` has the paths, `transport` checks tokens and versions and writes error replies. `calendars`,
`events`, `free_slots`, `people` and `writes` answer, `calendar_json`, `event_json` and `contact_json` build the
records. `truth` has what a synced warehouse must hold.
"""
