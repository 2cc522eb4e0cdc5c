#!/usr/bin/env python3
"""Writes src/core/numeric/fixtures/quantize.json: small tensors as ONNX Runtime's Python quantizer quantizes them.

Run by hand with onnxruntime and onnx installed; the result is committed. Values are float32, base64 little-endian.
"""
import base64
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto
from onnxruntime.quantization.quant_utils import compute_scale_zp, get_qmin_qmax_for_qType, quantize_nparray

rng = np.random.default_rng(20)
b64 = lambda a: base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}
makers = {
    "normal": lambda dims: rng.standard_normal(dims),
    "positive": lambda dims: np.abs(rng.standard_normal(dims)) + 0.25,
    "outlier": lambda dims: np.where(rng.random(dims) < 0.02, 40.0, 0.05) * rng.standard_normal(dims),
    "ties": lambda dims: rng.integers(-254, 255, dims) / 2.0,
    "tiny": lambda dims: rng.standard_normal(dims) * 1e-30,
    "zero": lambda dims: np.zeros(dims),
}
cases = []
for kind, make in makers.items():
    for dims in ([4, 9], [3, 2, 5], [16, 1, 3, 3]):
        values = make(dims).astype(np.float32)
        for name, qtype in TYPES.items():
            for symmetric in (True, False):
                for reduce_range in (False, True):
                    for axis in (None, 0, len(dims) - 1):
                        if rng.random() < 0.35:
                            continue
                        qmin, qmax = get_qmin_qmax_for_qType(qtype, reduce_range=reduce_range, symmetric=symmetric)
                        slices = [values] if axis is None else [values.take(i, axis) for i in range(dims[axis])]
                        scales, zeros, codes = [], [], []
                        for part in slices:
                            zero, scale = compute_scale_zp(part.min(), part.max(), qmin, qmax, symmetric)
                            scales.append(np.float32(scale))
                            zeros.append(int(zero))
                            codes.append(quantize_nparray(qtype, part, np.asarray(scale, np.float32), zero, qmin, qmax))
                        whole = codes[0] if axis is None else np.stack(codes, axis)
                        cases.append({"kind": kind, "dims": dims, "dtype": name, "symmetric": symmetric, "reduceRange": reduce_range, "axis": axis,
                                      "values": b64(values), "scales": b64(np.array(scales, np.float32)), "zeroPoints": zeros, "codes": b64(whole)})
out = Path(__file__).resolve().parent.parent / "src/core/numeric/fixtures/quantize.json"
out.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print(len(cases), "cases", out.stat().st_size, "bytes")
