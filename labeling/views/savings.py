"""Savings: what was kept, on what, and the calculator."""

import csv
import io
from collections.abc import Iterator

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from labeling.forms.calculator import CalculatorForm
from labeling.reports import savings as report
from labeling.reports.calculator import calculate

from .door import WebRequest, page
from .reader import settings_of


@page()
def savings(request: WebRequest) -> HttpResponseBase:
    period, group = _choice(request, "period", report.PERIODS, "month"), _choice(request, "by", report.GROUPS, "task")
    settings = settings_of(request)
    prices = report.prices_today()
    calculator = CalculatorForm.from_query(request.GET).priced(prices)
    unit = _choice(request, "each", report.UNITS, "")
    today = timezone.now().astimezone(settings.zone).date()
    context = {
        "savings": report.savings(today, period=period, group=group, unit=unit),
        "wasted": report.wasted(today, settings.zone, period=period),
        "units": report.UNITS,
        "models": sorted(prices),
        "periods": report.PERIODS,
        "groups": report.GROUPS,
        "calculator": calculator,
        "answer": calculate(calculator.question()) if calculator.is_valid() else None,
        "site_zone": settings.time_zone,
    }
    return render(request, "savings.html", context, status=200 if calculator.is_valid() else 422)


@page()
def savings_csv(request: WebRequest) -> HttpResponseBase:
    period = _choice(request, "period", report.PERIODS, "month")
    today = timezone.now().astimezone(settings_of(request).zone).date()
    response = StreamingHttpResponse(
        _lines(report.rows_for_csv(today, period=period)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="nightshift-savings-{period}-{today}.csv"'
    return response


def _lines(rows: Iterator[tuple[object, ...]]) -> Iterator[bytes]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue().encode()


def _choice(request: WebRequest, name: str, choices: dict[str, str], default: str) -> str:
    chosen = request.GET.get(name, default)
    return chosen if chosen in choices else default
