"""Whether no-shows can be predicted: each month's bookings, judged by the months before.

Input:  `Booked` rows of all locations.
Output: rows of `rpt_noshow_calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

from .appointments import Booked
from .figures import TOO_FEW, Row, Z, first, grouped, rate_columns

_WEIGHT = 50
"""How many bookings at the average a group gets in addition."""


@dataclass(frozen=True)
class Guess:
    """A marked booking, the risk that the months before suggest, and their average."""

    month: date
    missed: int
    risk: float
    average: float

    @property
    def band(self) -> str:
        ends = (0, 5, 10, 15, 20, 30, 40)
        bands = pairwise(ends)
        return next((f"{low} to {high} %" for low, high in bands if self.risk * 100 < high), "40 % or more")


def rpt_noshow_calibration(rows: list[Booked], now: datetime) -> list[Row]:
    marked = [row for row in rows if row.is_booking and row.status in ("showed", "noshow") and row.starts_at <= now]
    found = []
    for location_id, group in grouped(marked, lambda row: row.place.id).items():
        guesses = _guesses(group)
        for month in (*sorted({guess.month for guess in guesses}), None):
            of_month = [guess for guess in guesses if month in (guess.month, None)]
            found += [
                _row(location_id, month, band, [guess for guess in of_month if band in (guess.band, "all")])
                for band in sorted({"all", *(guess.band for guess in of_month)} if of_month else ())
            ]
    return found


def _guesses(rows: list[Booked]) -> list[Guess]:
    months = {row.id: first(row.local_date) for row in rows}
    missed = grouped((row for row in rows if row.status == "noshow" and row.contact_id), lambda row: row.contact_id)

    def kind(row: Booked) -> tuple[int | None, int]:
        earlier = [each for each in missed.get(row.contact_id, ()) if months[each.id] < months[row.id]]
        return (min(3, len(earlier)) if row.contact_id else None), row.lead_span

    kinds = {row.id: kind(row) for row in rows}
    guesses = []
    for month in sorted(set(months.values())):
        before = [row for row in rows if months[row.id] < month]
        if len(before) < TOO_FEW:
            continue
        average = fmean(row.status == "noshow" for row in before)
        alike = grouped(before, lambda row: kinds[row.id])
        for row in rows:
            if months[row.id] == month:
                group = alike.get(kinds[row.id], [])
                noshows = sum(each.status == "noshow" for each in group)
                risk = (noshows + _WEIGHT * average) / (len(group) + _WEIGHT)
                guesses.append(Guess(month, int(row.status == "noshow"), risk, average))
    return guesses


def _row(location_id: str, month: date | None, band: str, guesses: list[Guess]) -> Row:
    noshow = sum(guess.missed for guess in guesses)
    of_guess = [(guess.risk - guess.missed) ** 2 for guess in guesses]
    of_average = [(guess.average - guess.missed) ** 2 for guess in guesses]
    gains = [b - a for a, b in zip(of_guess, of_average, strict=True)]
    low = high = None
    verdict = "too few"
    if len(guesses) >= TOO_FEW:
        reach = Z * stdev(gains) / sqrt(len(gains))
        low, high = fmean(gains) - reach, fmean(gains) + reach
        verdict = f"{'better' if low > 0 else 'worse' if high < 0 else 'no better'} than the average"
    return {
        "location_id": location_id,
        "local_month": month,
        "risk_band": band,
        "marked": len(guesses),
        "noshow": noshow,
        "predicted_rate": fmean(guess.risk for guess in guesses),
        **rate_columns("noshow_rate", noshow, len(guesses)),
        "is_too_few": len(guesses) < TOO_FEW,
        "brier_score": fmean(of_guess),
        "average_brier_score": fmean(of_average),
        "score_gain": fmean(gains),
        "score_gain_low": low,
        "score_gain_high": high,
        "verdict": verdict,
    }
