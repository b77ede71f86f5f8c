"""Maps from the features alone, without a class."""

import numpy as np
import scipy

from cam.methods.probe import Probe, Report, no_report


def eigen_cam(probe: Probe, index: int, report: Report = no_report) -> np.ndarray:
    """float32 (h, w): the features along their first principal component, the same for every class. No pass.

    Muhammad & Yeasin, Eigen-CAM: Class Activation Map using Principal Components, IJCNN 2020: with O (h * w, K) the
    features at each place and O = U * Sigma * V^T their singular value decomposition,

        map = O * v,     v the first column of V

    O is not centred, as in the paper (pytorch-grad-cam centres it). A singular vector has no sign of its own: the map
    has the one by which the sum over (y, x) of map[y, x] * sum_k features[y, x, k] is not negative, so it is hot where
    the layer is active; features behind a ReLU have a map without negative values. `index` is not looked at.
    """
    places = probe.features.reshape(-1, probe.features.shape[-1]).astype(np.float64)
    cells = places @ _first_component(places)
    if cells @ places.sum(axis=1) < 0.0:
        cells = -cells
    return cells.reshape(probe.features.shape[:2]).astype(np.float32)


def _first_component(places: np.ndarray) -> np.ndarray:
    """float64 (K,): the unit vector v of the largest singular value of (n, K), by the smaller of its two products."""
    n, count = places.shape
    if count <= n:
        return _last_eigenvector(places.T @ places)
    component = places.T @ _last_eigenvector(places @ places.T)
    length = np.linalg.norm(component)
    return component / length if length > 0.0 else component


def _last_eigenvector(product: np.ndarray) -> np.ndarray:
    last = len(product) - 1
    return scipy.linalg.eigh(product, subset_by_index=(last, last))[1][:, 0]
