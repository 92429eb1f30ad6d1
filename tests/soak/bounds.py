"""When something has grown without bound."""

import statistics

LEAST_SAMPLES = 180  # fewer show nothing: three minutes at least
# More than this over the middle third is growth: a part of it, and in each one's own unit.
PART = 0.1
SLACK = {"memory": 1e6, "descriptors": 8, "keys": 200}  # bytes; a number; a number


def growth(what, samples):
    """A sentence if the median of the last third of the samples is greater than that of the middle
    third by more than a tenth and the slack; else "". The first third is for warming up. A sample
    that could not be taken is None."""
    if len(samples) < LEAST_SAMPLES:
        return ""
    third = len(samples) // 3
    middle, last = (statistics.median(one for one in part if one is not None)
                    for part in (samples[third:2 * third], samples[-third:]))
    if last <= middle * (1 + PART) + SLACK[what]:
        return ""
    return f"{what} grew from {middle:,.0f} in the middle third to {last:,.0f} in the last"


def percentile(samples, percent):
    """None of no samples."""
    if not samples:
        return None
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
