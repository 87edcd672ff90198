"""One epoch of training from memory, beside a DataLoader that transforms the images one by one.

    python benchmarks/data_loading.py [NAME] [--threads N]

Both feed the same network, optimizer and batches of 128. The first is ``prunelab.training.train``: the data
set lies in memory as one normalised tensor, and a batch is an index into it. The second is the usual way: PIL
images, turned into tensors and normalised again in every epoch, one after another."""

import argparse
import time

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from prunelab.data import MEAN, STD, load_mnist
from prunelab.models import MODELS
from prunelab.training import BATCH, MOMENTUM, train


class Pictures(Dataset):
    """PIL images and labels, as torchvision's MNIST gives them, with the usual transforms."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor):
        self.images = [
            Image.fromarray(image) for image in ((images[:, 0] * STD + MEAN) * 255).round().byte().numpy()
        ]
        self.labels = labels.tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[i]), self.labels[i]


def from_memory(name: str, dataset) -> float:
    model = MODELS[name]()
    began = time.perf_counter()
    train(model, dataset, epochs=1)
    return time.perf_counter() - began


def one_by_one(name: str, dataset: Pictures) -> float:
    model = MODELS[name]().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=MOMENTUM)
    began = time.perf_counter()
    for images, labels in DataLoader(dataset, batch_size=BATCH, shuffle=True):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=MODELS, help="one network instead of lenet5 and lenet300")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    mnist = load_mnist()
    pictures = Pictures(*mnist.train.tensors)
    print(f"one epoch, {len(mnist.train):,} images, batches of {BATCH}, {options.threads} threads")
    print("network       from memory   one by one   ratio")
    for name in [options.name] if options.name else ["lenet5", "lenet300"]:
        fast, slow = from_memory(name, mnist.train), one_by_one(name, pictures)
        print(f"{name:13} {fast:9.1f} s {slow:10.1f} s {slow / fast:6.1f} x")
