"""Texts that `--help` shows below the options: where to start, examples, exit codes.

Lines fit a terminal of 80 columns. The markup is rich's.
"""

EXIT_CODES = """\
[bold]Exit codes[/bold]
  0    ok
  1    failed
  2    wrong usage or configuration: the message names the setting and the fix
  3    partial: some locations failed, the others are done
  4    held: rows that look deleted stay; bookings status shows them
  75   another run holds the lock, or a program the file: try again later
  76   a newer program has written the warehouse: install that one
  130  interrupted (Ctrl-C): finished loads are kept, the next run continues
  143  interrupted by SIGTERM
  129  interrupted by SIGHUP"""

START = """\
[bold]Start here[/bold]
  bookings demo         see it work on a simulated calendar
  bookings init         set up a location of your own: ask for its key, test it
  bookings check        test every API key and endpoint
  bookings sync --plan  show the requests of the next sync, and their duration
  bookings sync         bring the warehouse up to date with the calendar
  bookings transform    build the reporting tables
  bookings report       write report.html

API keys belong in .dlt/secrets.toml and all other settings in
.dlt/config.toml: bookings init writes both, in the folder where you run the command. Environment
variables override both files, for example
SOURCES__BOOKINGS__LOCATIONS__BERLIN__API_KEY=…"""


def examples(*lines: str) -> str:
    """The examples at the end of a command's help."""
    return "[bold]Examples[/bold]\n" + "\n".join(f"[dim]$[/dim] {line}" for line in lines)
