"""Jinja2 with everything escaped and nothing undefined, and the few ways in which pages show values."""

from collections.abc import Sequence
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from trinity.accounts import Permission, may
from trinity.kit import money
from trinity.web import marks, matters, words
from trinity.web.assets import assets

SPARK_WIDTH = 120
SPARK_HEIGHT = 32


class Templates:
    """The templates of the package, compiled once."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("trinity.web", "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            when=when,
            day=day,
            until=until,
            size=size,
            grouped=grouped,
            spark=spark,
            money=money.spoken,
            marked=marks.marked,
            spelled=marks.spelled,
            marked_address=marks.marked_address,
            word=words.word,
            tone=words.tone,
            event_words=words.event_words,
            incident_title=words.incident_title,
            incident_meaning=words.incident_meaning,
        )
        self._environment.globals.update(
            asset=lambda name: assets()[name].address,
            icon=icon,
            explain=words.explain,
            call_word=matters.call_word,
            posture_means=words.posture_means,
            csrf_field=csrf_field,
            may=lambda role, name: may(role, Permission(name)),
        )

    def page(self, name: str, **values: object) -> str:
        """The whole page."""
        return self._environment.get_template(name).render(values | {"layout": "frame.html"})

    def regions(self, name: str, **values: object) -> str:
        """Only the parts that a stream replaces: the strip, the side and the main region."""
        return self._environment.get_template(name).render(values | {"layout": "regions.html"})


def icon(name: str) -> Markup:
    """An icon of the sprite; decoration only, so hidden from screen readers."""
    address = assets()["icons.svg"].address
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(address, name)


def csrf_field(token: str | None) -> Markup:
    """The hidden field that a form needs without script. In a stream there is no token and no field."""
    if token is None:
        return Markup("")
    return Markup('<input type="hidden" name="csrf_token" value="{}" data-keep>').format(token)


def when(moment: datetime | None, *, none: str = "–") -> Markup:
    """A moment: UTC without script, the reader's own clock and "3 min ago" with it."""
    if moment is None:
        return escape(none)
    moment = moment.astimezone(UTC)
    return Markup('<time datetime="{}" data-ago>{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%d %b %H:%M:%S UTC")
    )


def day(moment: datetime) -> str:
    """A day in UTC, for those whom the hour does not matter to."""
    return moment.astimezone(UTC).strftime("%d %B %Y").lstrip("0")


def until(moment: datetime) -> Markup:
    """A deadline: UTC without script, a countdown with it."""
    moment = moment.astimezone(UTC)
    return Markup('<time datetime="{}" data-until>{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("until %d %b %H:%M:%S UTC")
    )


def size(count: int) -> str:
    """Bytes for people: exact below 1 kB, one decimal above."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def grouped(digest: str) -> Markup:
    """A digest in groups of four, so that two people can compare it aloud; copying gives it unbroken."""
    groups = (digest[start : start + 4] for start in range(0, len(digest), 4))
    return Markup('<code class="digest">{}</code>').format(
        Markup("").join(Markup("<span>{}</span>").format(group) for group in groups)
    )


def spark(counts: Sequence[int], label: str = "") -> Markup:
    """A small area plot, newest on the right; no axis, since it only says "more" or "less". Counts by hour unless said."""
    top = max(max(counts, default=0), 1)
    step = SPARK_WIDTH / max(len(counts) - 1, 1)
    height = SPARK_HEIGHT - 3
    points = [
        (round(n * step, 1), round(SPARK_HEIGHT - 1.5 - count / top * height, 1)) for n, count in enumerate(counts)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    return Markup(
        '<svg class="spark" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        '<polygon points="0,{h} {line} {w},{h}"/><polyline points="{line}"/></svg>'
    ).format(w=SPARK_WIDTH, h=SPARK_HEIGHT, line=line, label=label or f"{sum(counts)} in {len(counts)} hours")
