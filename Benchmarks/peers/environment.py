"""The virtual environment that the peers live in: beside this folder, or where CELLGATE_PEERS says."""

import os, subprocess, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
VENV = Path(os.environ.get("CELLGATE_PEERS", HERE / ".venv"))
PYTHON = VENV / "bin" / "python"

# A peer's modules, and what is tried in turn to install them.
PYTORCH = [["torch==2.13.0+cpu", "--extra-index-url", "https://download.pytorch.org/whl/cpu"], ["torch==2.13.0"]]
PACKAGES = {
    "torch": [("torch", PYTORCH), ("numpy", [["numpy"]])],
    "keras": [("torch", PYTORCH), ("keras", [["keras==3.15.*"]])],
    "jax": [("jax", [["jax==0.10.*"]])],
    "torchrecurrent": [("torch", PYTORCH), ("numpy", [["numpy"]]), ("torchrecurrent", [["torchrecurrent==0.2.5"]])],
    "faiss": [("faiss", [["faiss-cpu"]]), ("numpy", [["numpy"]])],
    "onnxruntime": [("onnx", [["onnx"]]), ("onnxruntime", [["onnxruntime"]])],
}


def set_up(peers):
    """Makes the environment if it is missing and installs what the peers lack."""
    if not peers:
        return
    if not PYTHON.exists():
        print(f"setting up the peers in {VENV} (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    for peer in peers:
        for module, choices in PACKAGES[peer]:
            if not has(module):
                pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
                if not any(subprocess.run(pip + choice).returncode == 0 for choice in choices):
                    sys.exit(f"compare: {module}: pip could not install it; leave out the peer with --peers")


def has(module):
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)"
    return subprocess.run([str(PYTHON), "-c", code]).returncode == 0
