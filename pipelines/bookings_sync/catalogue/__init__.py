"""The metrics catalogue: what each figure means, and the SQL that computes it.

Input:  `sql/metrics.yml`, which defines each metric once.
Output: `load_metrics` (module `metric`): the metrics by name.
"""

from __future__ import annotations

from bookings_sync.catalogue.metric import Dimension, Metric, Sum, load_metrics

__all__ = ["Dimension", "Metric", "Sum", "load_metrics"]
