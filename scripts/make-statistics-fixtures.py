"""Values of SciPy that the statistics of Pare are tested against.

    python scripts/make-statistics-fixtures.py > src/core/study/metrics/scipy.fixture.json

Samples are drawn here and written beside what SciPy makes of them, so that both work on the same numbers.
"""
import json
import sys

import numpy as np
import scipy
from scipy import stats

random = np.random.default_rng(7)


def wilson():
    for k, n in [(0, 10), (1, 10), (5, 10), (10, 10), (39, 40), (351, 400), (1968, 2000), (9989, 10000)]:
        for level in (0.95, 0.99):
            interval = stats.binomtest(k, n).proportion_ci(level, "wilson")
            yield {"k": k, "n": n, "alpha": round(1 - level, 4), "interval": [interval.low, interval.high]}


def mcnemar():
    for lost, gained in [(0, 0), (0, 5), (0, 6), (1, 8), (10, 22), (40, 41), (300, 380), (2000, 2100)]:
        p = 1.0 if lost + gained == 0 else stats.binomtest(lost, lost + gained, 0.5).pvalue
        yield {"lost": lost, "gained": gained, "p": p}


def areas():
    for n, share, decimals in [(20, 0.5, 1), (100, 0.3, 2), (400, 0.1, 6)]:
        labels = (random.random(n) < share).astype(int)
        scores = np.round(labels + random.normal(size=n), decimals)
        ones, zeros = scores[labels == 1], scores[labels == 0]
        u = stats.mannwhitneyu(ones, zeros).statistic
        yield {"labels": labels.tolist(), "scores": scores.tolist(), "auc": u / (len(ones) * len(zeros))}


def medians():
    for n in (7, 20, 61, 400):
        values = np.sort(random.lognormal(size=n))
        interval = stats.quantile_test(values, q=np.median(values), p=0.5).confidence_interval(0.95)
        yield {"values": values.tolist(), "interval": [float(interval.low), float(interval.high)]}


def bootstrap():
    for n in (60, 300):
        targets = random.normal(size=n)
        values = targets + random.laplace(scale=0.4, size=n)
        errors = np.abs(values - targets)
        squares = (values - targets) ** 2
        for name, data, statistic in [("mae", errors, np.mean), ("rmse", squares, lambda x, axis=-1: np.sqrt(np.mean(x, axis=axis)))]:
            result = stats.bootstrap((data,), statistic, n_resamples=50_000, method="BCa", random_state=random, batch=2000)
            interval = result.confidence_interval
            yield {
                "metric": name,
                "targets": targets.tolist(),
                "values": values.tolist(),
                "value": float(statistic(data)),
                "interval": [float(interval.low), float(interval.high)],
            }


def swaps():
    n = 40
    targets = random.normal(size=n)
    before = targets + random.normal(scale=0.5, size=n)
    after = targets + random.normal(scale=0.62, size=n)
    result = stats.permutation_test(
        (np.abs(after - targets), np.abs(before - targets)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=200_000,
        random_state=random,
    )
    return {"targets": targets.tolist(), "before": before.tolist(), "after": after.tolist(), "p": float(result.pvalue)}


json.dump(
    {
        "made": f"SciPy {scipy.__version__}, NumPy {np.__version__}",
        "normal": [{"x": x, "cdf": stats.norm.cdf(x)} for x in (-8.0, -3.5, -1.0, 0.3, 1.96, 2.999, 3.001, 5.0)],
        "normalQuantile": [{"p": p, "x": stats.norm.ppf(p)} for p in (1e-12, 1e-4, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999)],
        "tQuantile": [{"p": p, "df": df, "x": stats.t.ppf(p, df)} for p in (0.9, 0.975, 0.999) for df in (19, 49, 399)],
        "wilson": list(wilson()),
        "mcnemar": list(mcnemar()),
        "areas": list(areas()),
        "medians": list(medians()),
        "bootstrap": list(bootstrap()),
        "swaps": swaps(),
    },
    sys.stdout,
)
print()
