#!/bin/sh
# Requests to a Spillway server. With keys, add: -H "authorization: Bearer $SPILLWAY_KEY"
set -eu
server=${SPILLWAY_SERVER:-http://localhost:8080/}

# Is it ready, and what does a model take?
curl -sS --fail "${server}v2/health/ready"
echo
curl -sS --fail "${server}v2/models/digits"
echo

# A run: 784 pixels of an empty picture.
pixels=$(printf '0,%.0s' $(seq 783))0
curl -sS --fail "${server}v2/models/digits/infer" -H 'content-type: application/json' \
  -d "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"FP32\", \"shape\": [1, 1, 28, 28], \"data\": [$pixels]}]}"
echo

# A text, as it is written.
curl -sS --fail --no-buffer "${server}v1/completions" -H 'content-type: application/json' \
  -d '{"model": "bard", "prompt": "Once", "max_tokens": 8, "stream": true}'
