#!/bin/sh
# Steps of an LSTM of 256 units by cellgate-server and by FastAPI with ONNX Runtime, one step a request, asked by the same client on the
# same processors; then what 10,000 sessions of an LSTM-WM of 256 units take. Writes a JSON object a line.
#
#     cellgate train adding --cell lstm --hidden 256 --steps 2 --out lstm
#     cellgate train adding --cell lstm-wm --hidden 256 --steps 2 --out lstm-wm
#     cellgate export lstm --format onnx --streaming --out lstm.onnx
#     python3 -m venv peer && peer/bin/pip install fastapi 'uvicorn[standard]' onnxruntime numpy
#     sh Server/Examples/beside.sh path/to/cellgate-server lstm lstm-wm lstm.onnx peer > beside.jsonl
set -eu
server=$1 lstm=$2 wm=$3 onnx=$4 peer=$5
examples=$(dirname "$0")
folder=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill "$running" 2>/dev/null || true; rm -rf "$folder"' EXIT
cc -O2 -o "$folder/load" "$examples/load.c"

# Waits until PORT answers.
ready() {
  for _ in $(seq 300); do
    curl -s -o "$folder/health" "http://127.0.0.1:$1/healthz" && return
    sleep 0.1
  done
  echo "beside: no service at port $1" >&2
  exit 1
}

# Says how fast a service at PORT is with more and more requests at a time.
steps() {
  for connections in 1 2 4 8 16 32 64 128 256; do
    "$folder/load" steps --port "$2" --model lstm --features 2 --sessions 1000 --requests "$3" --connections $connections \
      --pid "$running" | sed "s/^{/{\"server\": \"$1\", \"cell\": \"lstm\", /"
  done
}

# Says what 10,000 sessions take.
held() {
  "$folder/load" steps --port "$2" --model "$3" --features 2 --sessions 10000 --requests "$4" --connections 64 \
    --pid "$running" | sed "s/^{/{\"server\": \"$1\", \"cell\": \"$3\", /"
}

finish() {
  kill "$running"
  wait "$running" 2>/dev/null || true
  running=
}

begin_cellgate() {
  "$server" "lstm=$lstm" "lstm-wm=$wm" --port 8090 --log warning & running=$!
  ready 8090
}
begin_peer() {
  MODEL=$onnx "$peer/bin/uvicorn" --app-dir "$examples" peer_onnx:app --port 8091 --log-level warning & running=$!
  ready 8091
}

begin_cellgate
steps cellgate 8090 30000
finish
begin_peer
steps fastapi-onnxruntime 8091 10000
finish
begin_cellgate
held cellgate 8090 lstm-wm 50000
finish
begin_cellgate
held cellgate 8090 lstm 50000
finish
begin_peer
held fastapi-onnxruntime 8091 lstm 10000
finish
