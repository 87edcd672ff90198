"""What the cases of several exercises share: random inputs, small networks, references of more than one exercise."""

import torch


def sparse_matrix(rows, columns, density, dtype=torch.float32):
    """Return a random matrix of whole numbers of both signs, of which about ``density`` are not zero."""
    values = torch.randint(1, 90, (rows, columns)) * (1 - 2 * torch.randint(0, 2, (rows, columns)))
    return (values * (torch.rand(rows, columns) < density)).to(dtype)


def csr_arrays(weight):
    data, indices, indptr = [], [], [0]
    for row in weight.tolist():
        for column, value in enumerate(row):
            if value != 0:
                data.append(value)
                indices.append(column)
        indptr.append(len(data))
    whole = {"dtype": torch.int64}
    return torch.tensor(data, dtype=weight.dtype), torch.tensor(indices, **whole), torch.tensor(indptr, **whole)
