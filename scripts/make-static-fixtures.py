#!/usr/bin/env python3
"""Writes src/passes/int8-static/fixtures/onnxruntime.json: what ONNX Runtime's Python quantizer makes of ranges, constants, biases and
whole small models, each with its options.

Run by hand with onnxruntime and onnx installed; the result is committed. Arrays are base64, little-endian.
"""
import base64
import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import compute_scale_zp, get_qmin_qmax_for_qType, quantize_nparray

logging.disable(logging.CRITICAL)
rng = np.random.default_rng(31)
b64 = lambda a: base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int16": TensorProto.INT16, "uint16": TensorProto.UINT16}

# Scale, zero point and codes of activations and constants.
ranges = []
RANGES = [(0, 6), (-1, 1), (-0.3, 5.1), (-4.2, 0.01), (0.5, 3), (-3, -1), (0, 0), (-1e-30, 1e-30), (-1e-42, 1e-42), (0, 1), (-127, 128), (-1e30, 3e38), (1e-9, 2e-9), (-0.999, 0.001)]
for low, high in RANGES + [tuple(sorted(rng.standard_normal(2) * 10.0 ** rng.integers(-3, 4))) for _ in range(10)]:
    low, high = np.float32(low), np.float32(high)
    for name, qtype in TYPES.items():
        for symmetric in (False, True):
            qmin, qmax = get_qmin_qmax_for_qType(qtype, reduce_range=False, symmetric=symmetric)
            zero, scale = compute_scale_zp(low, high, qmin, qmax, symmetric)
            span = max(abs(float(low)), abs(float(high)))
            values = np.clip(rng.standard_normal(7) * span, -3e38, 3e38).astype(np.float32)
            codes = quantize_nparray(qtype, values, np.asarray(scale, np.float32), zero, qmin, qmax)
            ranges.append({"min": float(low), "max": float(high), "dtype": name, "symmetric": symmetric, "scale": b64(np.float32(scale)), "zeroPoint": int(zero), "values": b64(values), "codes": [int(c) for c in codes]})


class Reader(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def integers(dims, low=-8, high=9):
    """Small integers: sums of their products are exact in float32, whatever the order, so ranges agree between runtimes."""
    return rng.integers(low, high, dims).astype(np.float32)


def conv_relu(depthwise):
    group = 4 if depthwise else 1
    w = integers([4 if depthwise else 6, 1 if depthwise else 4, 3, 3]) / 16
    bias = integers([w.shape[0]]) / 4
    w2 = integers([5, w.shape[0], 1, 1]) / 16
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="first", group=group),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "w2", "b2"], ["y"], name="second"),
    ]
    return nodes, {"w": w, "b": bias, "w2": w2, "b2": integers([5])}, [1, 4, 6, 6]


def gemm(trans):
    w = integers([8, 24] if trans else [24, 8]) / 16
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="gemm", transB=int(trans))]
    return nodes, {"w": w, "b": integers([8]) / 8}, [3, 24]


def matmul():
    return [helper.make_node("MatMul", ["x", "w"], ["y"], name="matmul")], {"w": integers([24, 8]) / 16}, [3, 24]


def tiny_scale():
    """A channel of tiny weights under a large bias: its scale must be widened for int32."""
    w = integers([6, 4, 1, 1])
    w[2] *= 1e-12
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], name="first")]
    return nodes, {"w": w, "b": np.array([1, 2, 3e4, 4, -5, 6], np.float32)}, [1, 4, 3, 3]


models = []
makers = {"conv": lambda: conv_relu(False), "depthwise": lambda: conv_relu(True), "gemm": lambda: gemm(False), "gemm-transposed": lambda: gemm(True), "matmul": matmul, "tiny": tiny_scale}
for kind, make in makers.items():
    for activation in (QuantType.QUInt8, QuantType.QInt8):
        for weight in (QuantType.QInt8, QuantType.QUInt8):
            for per_channel in (True, False):
                for reduce_range in (False, True):
                    if not per_channel and kind == "depthwise":
                        continue  # Pare keeps scales per channel there
                    if kind == "tiny" and weight == QuantType.QUInt8:
                        continue  # there ONNX Runtime lets the bias overflow; Pare widens the scale as for int8
                    if weight == QuantType.QUInt8 and (reduce_range or activation == QuantType.QInt8):
                        continue
                    nodes, constants, dims = make()
                    inits = [numpy_helper.from_array(v, k) for k, v in constants.items()]
                    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, dims)], [helper.make_tensor_value_info("y", 1, None)], inits)
                    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
                    model = onnx.shape_inference.infer_shapes(model)
                    feeds = [{"x": integers(dims) / 2} for _ in range(3)]
                    with tempfile.TemporaryDirectory() as folder:
                        before, after = f"{folder}/a.onnx", f"{folder}/b.onnx"
                        onnx.save(model, before)
                        quantize_static(before, after, Reader(feeds), quant_format=QuantFormat.QDQ, per_channel=per_channel, reduce_range=reduce_range, activation_type=activation, weight_type=weight, calibrate_method=CalibrationMethod.MinMax, extra_options={"ActivationSymmetric": False, "WeightSymmetric": weight == QuantType.QInt8})
                        result = onnx.load(after)
                    stored = {i.name: numpy_helper.to_array(i) for i in result.graph.initializer}
                    expected = {}
                    for node in result.graph.node:
                        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
                            base = node.input[0].removesuffix("_quantized")
                            expected[base] = {"codes": stored[node.input[0]].ravel().tolist(), "scales": b64(stored[node.input[1]].astype(np.float32).ravel())}
                        if node.op_type == "QuantizeLinear":
                            expected[node.input[0]] = {"scales": b64(stored[node.input[1]]), "zeroPoint": int(stored[node.input[2]])}
                    models.append({"kind": kind, "options": {"activationType": "uint8" if activation == QuantType.QUInt8 else "int8", "weightType": "int8" if weight == QuantType.QInt8 else "uint8", "perChannel": per_channel, "reduceRange": reduce_range}, "model": base64.b64encode(model.SerializeToString()).decode(), "dims": dims, "feeds": [b64(f["x"]) for f in feeds], "expected": expected})
out = Path(__file__).resolve().parent.parent / "src/passes/int8-static/fixtures/onnxruntime.json"
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps({"ranges": ranges, "models": models}, separators=(",", ":")) + "\n")
print(len(ranges), "ranges,", len(models), "models,", sum(len(m["expected"]) for m in models), "tensors in them,", out.stat().st_size, "bytes")
