"""Does this bucket keep the promises that the journal needs? Asked in full, or cheaply at a start."""

from lakehouse.doctor.examination import PROBES, examine, verdict_on
from lakehouse.doctor.finding import Finding, Verdict
from lakehouse.doctor.start import refuse_unfit

__all__ = ["PROBES", "Finding", "Verdict", "examine", "refuse_unfit", "verdict_on"]
