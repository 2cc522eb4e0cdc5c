"""Figures of a model and a variant of it in ONNX Runtime, on the files that bench/data-in-page.ts gives the page. Nothing is shared with
the product: pictures are read by Pillow, arrays by NumPy, sound by the wave module.

  python bench/data-reference.py pictures|digits|sentences|sound MODEL VARIANT DATA [LABELS]

Prints JSON: for `pictures` and `digits` n, top1 and top5 of both and the examples that either gets wrong; for the others n, and what tells how
far the variant is from the model. Needs onnxruntime, numpy and pillow.
"""
import gzip
import io
import json
import sys
import wave
import zipfile

import numpy as np
import onnxruntime as ort


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def pictures(archive_path):
    """Short side 256, centre cut of 224, (x - 127) / 128, NCHW; classes by the line of the folder in classes.txt."""
    from PIL import Image

    archive = zipfile.ZipFile(archive_path)
    entries = [e for e in archive.namelist() if e.lower().endswith((".jpeg", ".jpg", ".png"))]
    listed = next(e for e in archive.namelist() if e.split("/")[-1] == "classes.txt")
    classes = archive.read(listed).decode().split("\n")
    place = {line.split()[0]: i for i, line in enumerate(classes) if line.strip()}
    for entry in sorted(entries):
        picture = Image.open(io.BytesIO(archive.read(entry))).convert("RGB")
        short = min(picture.size)
        if short != 256:
            picture = picture.resize([int(256 * side / short) for side in picture.size], Image.BILINEAR)
        left, top = (picture.size[0] - 224) // 2, (picture.size[1] - 224) // 2
        cut = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)
        yield ((cut - 127) / 128).transpose(2, 0, 1)[None], place[entry.split("/")[-2]]


def digits(images_path, labels_path):
    images = np.frombuffer(gzip.open(images_path).read()[16:], np.uint8).reshape(-1, 1, 1, 28, 28)
    labels = np.frombuffer(gzip.open(labels_path).read()[8:], np.uint8)
    for image, label in zip(images, labels):
        yield image.astype(np.float32), int(label)


def accuracy(model, variant, examples):
    sessions = [session(model), session(variant)]
    name = sessions[0].get_inputs()[0].name
    right = np.zeros((2, 2), int)
    n = 0
    for feed, label in examples:
        for i, run in enumerate(sessions):
            scores = run.run(None, {name: feed})[0][0]
            order = np.argsort(-scores, kind="stable")[:5]
            right[i, 0] += int(order[0] == label)
            right[i, 1] += int(label in order)
        n += 1
    return {"n": n, "top1": (right[:, 0] / n).tolist(), "top5": (right[:, 1] / n).tolist()}


def unit(vectors):
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sentences(model, variant, path):
    arrays = np.load(path)
    outputs = []
    for file in (model, variant):
        run = session(file)
        names = [port.name for port in run.get_inputs()]
        rows = len(arrays["input_ids"])
        feeds = {}
        for name in names:
            like = arrays["input_ids"]
            default = np.ones_like(like) if "mask" in name else np.zeros_like(like)
            feeds[name] = (arrays[name] if name in arrays else default).astype(np.int64)
        vectors = [run.run(["sentence_embedding"], {k: v[i : i + 1] for k, v in feeds.items()})[0][0] for i in range(rows)]
        outputs.append(unit(np.stack(vectors)))
    a, b = outputs

    def nearest(x):
        likeness = x @ x.T
        np.fill_diagonal(likeness, -np.inf)
        return likeness.argmax(1)

    return {"n": len(a), "cosine": float((a * b).sum(1).mean()), "neighbours": float((nearest(a) == nearest(b)).mean())}


def sound(model, variant, path):
    """Frames of 512 samples behind the last 64 of the one before, as Silero VAD's own wrapper feeds it; the state in front of each is the model's own, for both."""
    with wave.open(path) as file:
        assert file.getframerate() == 16000 and file.getsampwidth() == 2 and file.getnchannels() == 1
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    own, other = session(model), session(variant)
    state = np.zeros((2, 1, 128), np.float32)
    padded = np.concatenate([np.zeros(64, np.float32), samples])
    pairs = []
    for at in range(0, len(samples) - 511, 512):
        feeds = {"input": padded[None, at : at + 576], "state": state, "sr": np.array(16000, np.int64)}
        original = own.run(None, feeds)
        pairs.append((original[0].ravel(), other.run(None, feeds)[0].ravel()))
        state = original[1]
    a, b = (np.concatenate(side).astype(np.float64) for side in zip(*pairs))
    noise = ((a - b) ** 2).sum()
    return {
        "n": len(pairs),
        "maxAbs": float(abs(a - b).max()),
        "sqnrDb": float(10 * np.log10((a**2).sum() / noise)) if noise > 0 else None,
        "meanOriginal": float(a.mean()),
        "sameSide": float(((a >= 0.5) == (b >= 0.5)).mean()),
    }


kind, model_path, variant_path, *data = sys.argv[1:]
if kind == "pictures":
    found = accuracy(model_path, variant_path, pictures(data[0]))
elif kind == "digits":
    found = accuracy(model_path, variant_path, digits(*data))
elif kind == "sentences":
    found = sentences(model_path, variant_path, data[0])
elif kind == "sound":
    found = sound(model_path, variant_path, data[0])
else:
    raise SystemExit(f"unknown kind {kind}")
json.dump(found, sys.stdout)
