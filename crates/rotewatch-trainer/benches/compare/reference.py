"""What other people's code takes for one pair: prints one JSON object of seconds a pair.

    reference.py NEURONS BINS FILE...      each FILE: float32, neuron-major; its rows follow from its size

Processor time counts, and of several passes the fastest, as in the Rust half of the comparison. Everything runs on one thread.
"""

import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from scipy.special import digamma
from sklearn.metrics import mutual_info_score
from sklearn.neighbors import KDTree, NearestNeighbors

K = 3


def fastest(passes, work, pairs):
    best = float("inf")
    for _ in range(passes):
        start = time.process_time()
        for i, j in pairs:
            work(i, j)
        best = min(best, (time.process_time() - start) / len(pairs))
    return best


def binned(column, bins):
    edges = np.histogram_bin_edges(column, bins)
    return np.minimum(np.searchsorted(edges, column, side="right") - 1, bins - 1)


def bincount_information(x, y, bins):
    joint = np.bincount(x * bins + y, minlength=bins * bins).reshape(bins, bins)

    def total(counts):
        counts = counts[counts > 0]
        return (counts * np.log(counts)).sum()

    rows = len(x)
    return (total(joint) - total(joint.sum(0)) - total(joint.sum(1)) + rows * np.log(rows)) / rows


def ksg(x, y):
    rows = len(x)
    x, y = x.reshape(-1, 1), y.reshape(-1, 1)
    nearest = NearestNeighbors(metric="chebyshev", n_neighbors=K).fit(np.hstack((x, y)))
    radius = np.nextafter(nearest.kneighbors()[0][:, -1], 0)

    def within(axis):
        return KDTree(axis, metric="chebyshev").query_radius(axis, radius, count_only=True)

    return digamma(rows) + digamma(K) - np.mean(digamma(within(x))) - np.mean(digamma(within(y)))


def main():
    neurons, bin_choices = int(sys.argv[1]), [int(bins) for bins in sys.argv[2].split(",")]
    found = []
    for path in sys.argv[3:]:
        columns = np.fromfile(path, dtype="<f4").astype(np.float64).reshape(neurons, -1)
        pairs = [(i, j) for i in range(neurons) for j in range(i + 1, neurons)]
        entry = {"rows": columns.shape[1], "ksg": fastest(5, lambda i, j: ksg(columns[i], columns[j]), pairs[:8])}
        entry["ksg_nats"] = [ksg(columns[i], columns[j]) for i, j in pairs[:8]]
        for bins in bin_choices:
            of = [binned(column, bins) for column in columns]
            entry[f"mutual_info_score/{bins}"] = fastest(7, lambda i, j: mutual_info_score(of[i], of[j]), pairs[:12])
            entry[f"bincount/{bins}"] = fastest(7, lambda i, j: bincount_information(of[i], of[j], bins), pairs[:12])
            entry[f"nats/{bins}"] = [mutual_info_score(of[i], of[j]) for i, j in pairs[:8]]
        found.append(entry)
    print(json.dumps(found))


main()
