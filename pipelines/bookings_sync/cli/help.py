"""What `--help` teaches beside the options: where to start, examples, exit codes.

Input:  nothing.
Output: texts in rich's markup, no line longer than a terminal of 80 columns shows whole.
"""

EXIT_CODES = """\
[bold]Exit codes[/bold]
  0    ok
  1    failed
  2    usage or configuration: the message names the key, the file, the fix
  3    partial: some location failed, the others are done
  75   another run holds the lock: try again when it has ended
  130  interrupted (Ctrl-C): what was loaded stands, the next run goes on"""

START = """\
[bold]Start here[/bold]
  bookings demo         watch it work: a living calendar, synced twice
  bookings check        is every key good, does every endpoint answer?
  bookings sync --plan  what would a sync read, and how long would it take?
  bookings sync         make the warehouse equal to the calendar
  bookings transform    build the reporting tables
  bookings report       look at them: one page, report.html

Keys stand in .dlt/secrets.toml, everything else in .dlt/config.toml, both
in the folder the command runs in. The environment overrides both:
SOURCES__BOOKINGS__LOCATIONS__BERLIN__API_KEY=…"""


def examples(*lines: str) -> str:
    """A command's examples, as its help shows them."""
    return "[bold]Examples[/bold]\n" + "\n".join(f"[dim]$[/dim] {line}" for line in lines)
