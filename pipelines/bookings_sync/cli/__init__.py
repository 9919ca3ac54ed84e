"""The commands: what `cli` has parsed is carried out here, and its outcome shown.

Input:  a command's options, dlt's configuration.
Output: a summary on stdout for people, or one JSON object; progress and logs on stderr; the exit code.
"""
