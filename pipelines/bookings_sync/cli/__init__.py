"""The `bookings` command line.

Input:  command-line options and dlt's configuration.
Output: on stdout a summary for people, or one JSON object; on stderr progress, logs and errors; an exit code.

`main` runs the command line, and `commands` declares the commands and their options. A command `X` is carried out by
the module `X`; `bookings sync --plan` is in `plan`. The other modules are shared:

- `help`, `options`, `sync_options`, `time_options`: what users read and type
- `output`, `formatting`, `progress`: what users see
- `error_report`, `exit_codes`: how a command ends
- `observing`, `html_file`, `memory`, `lean_imports`: metrics and notifications, HTML files, memory, shorter imports
- `demo_output`, `sandbox_process`: the demo's text, and the sandbox it runs against
- `explore_app`: the marimo app that `bookings explore` serves
"""
