"""Opens .keras files with Keras and compares what it computes: python3 check_keras.py cases.json

cases.json: [{"path", "inputs": [{"shape", "values"}], "outputs": [...]}], arrays with the batch first.
"""
import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "numpy")
import keras  # noqa: E402
import numpy as np  # noqa: E402


def array(item, kind):
    return np.array(item["values"], dtype=kind).reshape(item["shape"])


worst = 0.0
for case in json.load(open(sys.argv[1])):
    model = keras.saving.load_model(case["path"], compile=False)
    kinds = [str(tensor.dtype) for tensor in model.inputs]
    inputs = [array(item, kind) for item, kind in zip(case["inputs"], kinds)]
    found = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    found = found if isinstance(found, (list, tuple)) else [found]
    assert len(found) == len(case["outputs"]), case["path"]
    for output, item in zip(found, case["outputs"]):
        expected = array(item, "float64")
        output = np.asarray(output, dtype="float64")
        assert output.shape == expected.shape, (case["path"], output.shape, expected.shape)
        difference = float(np.max(np.abs(output - expected) / np.maximum(1, np.abs(expected)), initial=0.0))
        worst = max(worst, difference)
        print(case["path"], output.shape, difference)
        assert difference < 1e-5, case["path"]
print("largest difference", worst)
