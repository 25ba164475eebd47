"""A report's two files at once."""

from trinity.sources.report import RenderedReport, Report, checked_report
from trinity.sources.report_html import html_of
from trinity.sources.report_pdf import pdf_of


def render_report(report: Report) -> RenderedReport:
    """HTML and PDF of one report, the same bytes for the same report; `Refused` (422) for what is no report."""
    checked = checked_report(report)
    pdf, unshown = pdf_of(checked)
    return RenderedReport(html_of(checked), pdf, unshown)
