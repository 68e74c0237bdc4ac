"""Charts drawn on the server as SVG: no script, no outside host, sharp in print, in dark mode and on a phone.

The plot stretches with its box; labels are HTML beside it, so that they keep their size. Every drawn point carries a
`<title>`, which browsers show on hover and screen readers read. Colours are classes of backoffice.css.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 1000, 300
COLOURS = 6

Say = Callable[[Decimal], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one layer of bars; a value that is None is a gap."""

    name: str
    values: Sequence[Decimal | None]
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value stands in the plot, from the bottom up."""

    low: Decimal
    high: Decimal

    def y(self, value: Decimal) -> float:
        span = self.high - self.low or Decimal(1)
        return round(float((self.high - value) / span) * HEIGHT, 1)


def line(
    series: Sequence[Series],
    labels: Sequence[str],
    *,
    say: Say,
    title: str,
    mark: Decimal | None = None,
    mark_name: str = "",
    zero: bool = False,
) -> SafeString:
    """Draw lines over `labels`; `mark` is a value to compare with (100 %), drawn as a dashed rule, named or not."""
    found = [value for each in series for value in each.values if value is not None]
    if not found:
        return _empty(title)
    scale = _scale([*found, *([mark] if mark is not None else []), *([Decimal(0)] if zero else [])])
    drawn = format_html_join("", "{}", ((_path(each, scale, len(labels)),) for each in series))
    rule = _rule(scale, mark) if mark is not None else ""
    hover = _hover(series, labels, say)
    shapes = format_html("{}{}{}", rule, drawn, hover)
    return _frame(shapes, scale, labels, series, say=say, title=title, rule_name=mark_name)


def bars(series: Sequence[Series], labels: Sequence[str], *, say: Say, title: str) -> SafeString:
    """Draw stacked bars over `labels`, from zero."""
    totals = [sum((each.values[i] or Decimal(0) for each in series), Decimal(0)) for i in range(len(labels))]
    if not any(totals):
        return _empty(title)
    scale = _scale([Decimal(0), *totals])
    drawn = []
    slot = WIDTH / len(labels)
    for i in range(len(labels)):
        base = Decimal(0)
        for each in series:
            value = each.values[i] or Decimal(0)
            if value > 0:
                top, bottom = scale.y(base + value), scale.y(base)
                drawn.append(
                    (
                        round(i * slot + slot * 0.14, 1),
                        top,
                        round(slot * 0.72, 1),
                        round(bottom - top, 1),
                        each.colour % COLOURS,
                    )
                )
            base += value
    shapes = format_html_join("", '<rect x="{}" y="{}" width="{}" height="{}" class="fill-{}"/>', drawn)
    return _frame(format_html("{}{}", shapes, _hover(series, labels, say)), scale, labels, series, say=say, title=title)


def meter(value: Decimal | None, *, full: Decimal, warn_below: Decimal, title: str) -> SafeString:
    """Draw how far `value` fills `full`; red below `warn_below`."""
    if value is None:
        return mark_safe('<span class="bo-meter bo-meter-none"></span>')
    share = float(max(Decimal(0), min(value / full, Decimal(1)))) * 100 if full else 0.0
    mood = "bad" if value < warn_below else "good"
    return format_html(
        '<svg class="bo-meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="bo-track" width="100" height="6" rx="1"/>'
        '<rect class="bo-{}" width="{}" height="6" rx="1"/></svg>',
        title,
        mood,
        round(max(share, 1.0), 1),
    )


def _scale(values: Sequence[Decimal]) -> Scale:
    low, high = min(values), max(values)
    if low == high:
        margin = abs(high) / 50 or Decimal(1)
        return Scale(low - margin, high + margin)
    if low >= 0 and low < high / 2:
        low = Decimal(0)
    step = _step(high - low)
    floor = (low / step).to_integral_value(rounding="ROUND_FLOOR") * step
    ceiling = (high / step).to_integral_value(rounding=ROUND_CEILING) * step
    return Scale(floor, ceiling if ceiling > floor else floor + step)


def _step(span: Decimal) -> Decimal:
    """Return a round step that cuts `span` into about four."""
    rough = span / 4
    unit = Decimal(1).scaleb(rough.adjusted())
    return next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)


def _x(i: int, count: int) -> float:
    return round(WIDTH * (i + 0.5) / count, 1)


def _path(series: Series, scale: Scale, count: int) -> SafeString:
    parts, pen_up = [], True
    for i, value in enumerate(series.values):
        if value is None:
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{_x(i, count)},{scale.y(value)}")
        pen_up = False
    return format_html('<path class="bo-line stroke-{}" d="{}"/>', series.colour % COLOURS, " ".join(parts))


def _rule(scale: Scale, mark: Decimal) -> SafeString:
    y = scale.y(mark)
    return format_html('<line class="bo-rule" x1="0" x2="{}" y1="{}" y2="{}"/>', WIDTH, y, y)


def _hover(series: Sequence[Series], labels: Sequence[str], say: Say) -> SafeString:
    slot = WIDTH / len(labels)
    rows = []
    for i, label in enumerate(labels):
        said = [f"{each.name} {say(value)}".strip() for each in series if (value := each.values[i]) is not None]
        rows.append((round(i * slot, 1), round(slot, 1), HEIGHT, "\n".join([label, *said])))
    return format_html_join(
        "", '<rect class="bo-hover" x="{}" y="0" width="{}" height="{}"><title>{}</title></rect>', rows
    )


def _frame(
    drawn: SafeString,
    scale: Scale,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    say: Say,
    title: str,
    rule_name: str = "",
) -> SafeString:
    step = _step(scale.high - scale.low)
    ticks = []
    tick = scale.low
    while tick <= scale.high:
        ticks.append(tick)
        tick += step
    grid = format_html_join(
        "", '<line class="bo-grid" x1="0" x2="{}" y1="{}" y2="{}"/>', ((WIDTH, scale.y(t), scale.y(t)) for t in ticks)
    )
    across = [labels[0], labels[len(labels) // 2], labels[-1]] if len(labels) > 2 else list(labels)
    return format_html(
        '<figure class="bo-chart"><div class="bo-y" aria-hidden="true">{}</div>'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
        '<div class="bo-x" aria-hidden="true">{}</div>{}</figure>',
        format_html_join("", "<span>{}</span>", ((say(t),) for t in reversed(ticks))),
        WIDTH,
        HEIGHT,
        title,
        grid,
        drawn,
        format_html_join("", "<span>{}</span>", ((each,) for each in across)),
        legend(series, rule_name=rule_name),
    )


def legend(series: Sequence[Series], *, rule_name: str = "") -> SafeString:
    """Name the colours, and the dashed rule if it has a name; nothing for a single nameless series."""
    named = [each for each in series if each.name]
    if not named:
        return SafeString("")
    items = format_html_join(
        "", '<li><i class="dot-{}"></i>{}</li>', ((each.colour % COLOURS, each.name) for each in named)
    )
    rule = format_html('<li><i class="dot-rule"></i>{}</li>', rule_name) if rule_name else ""
    return format_html('<ul class="bo-legend">{}{}</ul>', items, rule)


def _empty(title: str) -> SafeString:
    return format_html('<p class="bo-empty">Nothing to draw yet: {}</p>', title)
