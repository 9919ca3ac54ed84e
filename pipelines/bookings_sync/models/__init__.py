"""The SQL models as data: what `sql/` says, before anything runs.

Input:  the files of `sql/` (see sql/README.md for their form).
Output: `Project`, the models in build order with their headers, references and audits; `transform` runs it.

```
header   a file's comment: grain, key, audits, columns
project  the files, and the order they need
audits   an audit as a query that finds its failing rows
dialect  a model's references and time, in the words of one warehouse
selection  which models a run is about
lineage  which columns each column is made of
```
"""
