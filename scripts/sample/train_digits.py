"""Makes the sample of the empty page: a small classifier of handwritten digits and its labelled test pictures.

    python3 -m venv .venv && .venv/bin/pip install -r scripts/sample/requirements.txt
    .venv/bin/python scripts/sample/train_digits.py            # writes public/samples/digits/

Pictures: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository,
CC BY 4.0, as shipped inside scikit-learn (1,797 pictures of 8 x 8, 17 grey levels), enlarged here to 32 x 32.
Seeded noise is added, as a poor camera would: without it every variant gets every picture right and nothing can be seen.
450 pictures, drawn by class with the seed, are never trained on; they are the test pictures.

Seeded throughout and run on one thread: the same package versions on the same kind of processor give the same files.
"""

import argparse
import io
import json
import pathlib
import time
import zipfile

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

SEED = 20261123
TEST = 450
SIZE = 32
WIDTHS = (32, 64, 128)
HIDDEN = 128
NOISE = 0.35


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """float32 [1797, 1, 32, 32] in 0..1 on 8-bit levels, and int64 labels."""
    digits = load_digits()
    small = torch.from_numpy(digits.images.astype(np.float32) / 16).unsqueeze(1)
    large = F.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False).clamp(0, 1)
    noise = np.random.default_rng(SEED).normal(0, NOISE, tuple(large.shape)).astype(np.float32)
    levels = np.rint((large.numpy() + noise).clip(0, 1) * 255).astype(np.float32)
    return levels / np.float32(255), digits.target.astype(np.int64)


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and test pictures, the same share of each class."""
    random = np.random.default_rng(SEED)
    test: list[int] = []
    for digit in range(10):
        of_class = random.permutation(np.flatnonzero(labels == digit))
        test.extend(of_class[: TEST // 10])
    test_indices = np.sort(np.array(test))
    return np.setdiff1d(np.arange(len(labels)), test_indices), random.permutation(test_indices)


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch normalization, then a pooling that halves the picture."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(i, o) for i, o in zip((1, *WIDTHS), WIDTHS))
        self.hidden = nn.Linear(WIDTHS[-1] * (SIZE // 8) ** 2, HIDDEN)
        self.logits = nn.Linear(HIDDEN, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.hidden(x.flatten(1)))
        return self.logits(F.dropout(x, 0.3, self.training))


def augmented(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Small seeded rotations, scalings and shifts."""
    n = len(x)
    angle = (torch.rand(n, generator=generator) - 0.5) * 0.35
    scale = 1 + (torch.rand(n, generator=generator) - 0.5) * 0.2
    shift = (torch.rand(n, 2, generator=generator) - 0.5) * 0.2
    theta = torch.stack(
        [
            torch.stack([angle.cos() * scale, -angle.sin() * scale, shift[:, 0]], 1),
            torch.stack([angle.sin() * scale, angle.cos() * scale, shift[:, 1]], 1),
        ],
        1,
    )
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


def train(x: torch.Tensor, y: torch.Tensor, epochs: int) -> Classifier:
    generator = torch.Generator().manual_seed(SEED)
    model = Classifier()
    batch = 64
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, epochs=epochs, steps_per_epoch=-(-len(x) // batch))
    for epoch in range(epochs):
        model.train()
        began, total = time.time(), 0.0
        for picked in torch.randperm(len(x), generator=generator).split(batch):
            loss = F.cross_entropy(model(augmented(x[picked], generator)), y[picked], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(picked)
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(x):.4f}, {time.time() - began:.1f} s", flush=True)
    return model.eval()


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of one convolution that does what convolution and normalization did. Computed in float64."""
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = conv.weight.double() * gain.reshape(-1, 1, 1, 1)
    bias = norm.bias.double() - norm.running_mean.double() * gain
    return weight.detach().numpy().astype(np.float32), bias.detach().numpy().astype(np.float32)


def to_onnx(model: Classifier) -> onnx.ModelProto:
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(op: str, name: str, inputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    x = "picture"
    for index, block in enumerate(model.blocks, 1):
        for part, (conv, norm) in enumerate(((block.conv1, block.norm1), (block.conv2, block.norm2)), 1):
            weight, bias = folded(conv, norm)
            name = f"block{index}.conv{part}"
            x = node("Conv", name, [x, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias)], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            x = node("Relu", f"block{index}.relu{part}", [x])
        x = node("MaxPool", f"block{index}.pool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = node("Flatten", "flatten", [x], axis=1)
    for name, linear in (("hidden", model.hidden), ("logits", model.logits)):
        weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
        x = node("Gemm", name, [x, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias)], transB=1)
        if name == "hidden":
            x = node("Relu", "hidden.relu", [x])
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        weights,
        doc_string="Handwritten digits, 32 x 32 grey, values 0..1. Ten logits.",
    )
    result = helper.make_model(graph, producer_name="pare-sample", opset_imports=[helper.make_opsetid("", 17)])
    result.ir_version = 8
    helper.set_model_props(result, {"data": "Optical Recognition of Handwritten Digits (UCI), CC BY 4.0", "seed": str(SEED)})
    onnx.checker.check_model(result, full_check=True)
    return result


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz without times of writing in it, so that equal arrays are equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return out.getvalue()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "public/samples/digits")
    arguments.add_argument("--epochs", type=int, default=24)
    options = arguments.parse_args()

    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)

    x, y = pictures()
    training, test = split(y)
    model = train(torch.from_numpy(x[training]), torch.from_numpy(y[training]), options.epochs)
    with torch.no_grad():
        correct = (model(torch.from_numpy(x[test])).argmax(1).numpy() == y[test]).sum()
    accuracy = correct / len(test)
    print(f"held-out pictures: {correct} of {len(test)} right, {accuracy:.2%}")
    if accuracy < 0.98:
        raise SystemExit("The classifier is not good enough to show what compression costs; nothing was written.")

    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "digits.onnx").write_bytes(to_onnx(model).SerializeToString(deterministic=True))
    (options.out / "digits-test.npz").write_bytes(npz({"picture": x[test], "label": y[test]}))
    facts = {"heldOut": len(test), "correct": int(correct), "seed": SEED, "epochs": options.epochs}
    (options.out / "training.json").write_text(json.dumps(facts, indent="\t") + "\n")


if __name__ == "__main__":
    main()
