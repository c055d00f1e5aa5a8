"""Checks ONNX files with onnx.checker, and what ONNX Runtime computes with them against numbers beside them.

    python3 check-onnx.py FOLDER

Beside each NAME.onnx of the folder lies NAME.json: {"runs": [{"inputs": {name: {"type", "shape", "values"}}, "outputs": …}]}.
A NAME.txt is a model in ONNX's text form, to be parsed and checked. Needs numpy, onnx and onnxruntime.
"""
import glob, json, os, sys
import numpy as np
import onnx
import onnxruntime as ort

TOLERANCE = 1e-5  # relative to max(1, |expected|): sums of Float32 in another order


def array(item):
    return np.array(item["values"], dtype=item["type"]).reshape(item["shape"])


def main(folder):
    ort.set_default_logger_severity(4)
    worst, failed, count = 0.0, 0, 0
    for path in sorted(glob.glob(os.path.join(folder, "*.onnx"))):
        count += 1
        try:
            onnx.checker.check_model(onnx.load(path), full_check=True)
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            names = [output.name for output in session.get_outputs()]
            for run in json.load(open(path[: -len(".onnx")] + ".json"))["runs"]:
                found = dict(zip(names, session.run(None, {k: array(v) for k, v in run["inputs"].items()})))
                for name, item in run["outputs"].items():
                    expected = array(item)
                    if found[name].shape != expected.shape:
                        raise ValueError(f"{name}: expected shape {expected.shape}, found {found[name].shape}")
                    if expected.size == 0:
                        continue
                    difference = float((np.abs(found[name] - expected) / np.maximum(1, np.abs(expected))).max())
                    worst = max(worst, difference)
                    if not difference <= TOLERANCE:
                        raise ValueError(f"{name}: differs by {difference}")
        except Exception as error:
            failed += 1
            print(f"{os.path.basename(path)}: {type(error).__name__}: {str(error)[:600]}")
    for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
        count += 1
        try:
            onnx.checker.check_model(onnx.parser.parse_model(open(path).read()), full_check=True)
        except Exception as error:
            failed += 1
            print(f"{os.path.basename(path)}: {type(error).__name__}: {str(error)[:600]}")
    print(f"{count} files, {failed} failed, largest difference {worst:.2e}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
