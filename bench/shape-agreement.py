"""Prints what onnx.shape_inference says about the values of models: one JSON line a model.

    python3 shape-agreement.py MODEL...

Types that the file states for outputs and values between are taken out first, so that only inference speaks. Symbols that inference made up (unk__0) are null, as are dimensions without a value.
"""

import json
import sys

import onnx
from onnx import TensorProto, shape_inference


def dims(tensor):
    if not tensor.HasField("shape"):
        return None
    found = []
    for dim in tensor.shape.dim:
        if dim.HasField("dim_value"):
            found.append(dim.dim_value)
        elif dim.HasField("dim_param") and not dim.dim_param.startswith("unk__"):
            found.append(dim.dim_param)
        else:
            found.append(None)
    return found


for path in sys.argv[1:]:
    rows = {}
    try:
        model = onnx.load(path)
        del model.graph.value_info[:]
        names = [value.name for value in model.graph.output]
        for value in model.graph.output:
            value.ClearField("type")
        inferred = shape_inference.infer_shapes(model, data_prop=True)
        for value in [*inferred.graph.value_info, *inferred.graph.output]:
            if value.type.HasField("tensor_type") and value.type.tensor_type.elem_type:
                tensor = value.type.tensor_type
                rows[value.name] = [TensorProto.DataType.Name(tensor.elem_type).lower(), dims(tensor)]
    except Exception as error:  # a model that inference itself refuses
        rows = {"": [str(error).splitlines()[0] if str(error) else "error", None]}
    print(json.dumps({"path": path, "rows": rows}))
