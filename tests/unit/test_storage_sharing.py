"""Weight sharing: Lloyd's algorithm against scikit-learn's, and its edges."""

import pytest
import torch
from sklearn.cluster import KMeans

from prunelab import storage


@pytest.mark.parametrize("clusters", [4, 16, 64])
def test_weight_sharing_is_lloyds_algorithm_from_a_linear_start(clusters):
    values = torch.rand(
        2000, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )  # no cluster runs empty
    centroids, codes = storage.share_weights(values, clusters)
    start = torch.linspace(float(values.min()), float(values.max()), clusters, dtype=torch.float64)[:, None]
    reference = KMeans(clusters, init=start.numpy(), n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(
        values[:, None].numpy()
    )
    assert torch.allclose(centroids, torch.from_numpy(reference.cluster_centers_[:, 0]), atol=1e-9)
    nearest = (values[:, None] - centroids).abs().argmin(1)
    assert torch.equal((values - centroids[nearest]).abs(), (values - centroids[codes]).abs())


def test_a_centroid_that_nobody_chooses_stays_where_it_is():
    centroids, codes = storage.share_weights(torch.tensor([0.0, 0.1, 4.0]), 5)
    assert centroids.tolist() == pytest.approx([0.05, 1.0, 2.0, 3.0, 4.0]) and codes.tolist() == [0, 0, 4]


def test_weight_sharing_of_few_values_is_exact():
    values = torch.tensor([[1.0, -1.0], [0.5, 1.0]])
    centroids, codes = storage.share_weights(values, 5)
    assert codes.shape == values.shape and torch.equal(centroids[codes], values)
    assert torch.equal(
        storage.share_weights(torch.ones(4), 3)[0][storage.share_weights(torch.ones(4), 3)[1]], torch.ones(4)
    )
