"""A service of one step a request with FastAPI and ONNX Runtime, in its usual form, to compare cellgate-server with.

    cellgate export MODEL --format onnx --streaming --out model.onnx
    pip install fastapi 'uvicorn[standard]' onnxruntime numpy
    MODEL=model.onnx uvicorn --app-dir Server/Examples peer_onnx:app --port 8081 --log-level warning

Sessions and steps have the paths and the JSON of cellgate-server, so that one client asks both: the states of a session are kept in the
process, by its id; a handler runs the session's step in ONNX Runtime when its request comes.
"""

import os
import secrets

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = 1
runtime = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
inputs, outputs = runtime.get_inputs(), runtime.get_outputs()
x, state_inputs = inputs[0], inputs[1:]
names = [output.name for output in outputs]
app = FastAPI()
sessions = {}


class Steps(BaseModel):
    inputs: list[list[float]]


@app.get("/healthz")
async def health():
    return {"status": "ok"}


@app.post("/v1/sessions", status_code=201)
async def create():
    name = "sess_" + secrets.token_hex(16)
    sessions[name] = [np.zeros([1, state.shape[-1]], np.float32) for state in state_inputs]
    return {"id": name}


@app.delete("/v1/sessions/{name}")
async def delete(name: str):
    if sessions.pop(name, None) is None:
        raise HTTPException(404, "no such session")
    return {"id": name, "deleted": True}


@app.post("/v1/sessions/{name}/steps")
async def step(name: str, steps: Steps):
    states = sessions.get(name)
    if states is None:
        raise HTTPException(404, "no such session")
    for row in steps.inputs:
        feed = {x.name: np.asarray(row, np.float32).reshape([1 if isinstance(size, str) else size for size in x.shape[:-1]] + [-1])}
        feed |= {state.name: value for state, value in zip(state_inputs, states)}
        output, *states = runtime.run(names, feed)
    sessions[name] = states
    return {"id": name, "outputs": output.reshape(1, -1).tolist()}
