"""Runs a model of a Spillway server and has another one write a text, with Python's own library only."""

import json
import os
import urllib.error
import urllib.request

server = os.environ.get("SPILLWAY_SERVER", "http://localhost:8080/")
key = os.environ.get("SPILLWAY_KEY")
headers = {"content-type": "application/json"}
if key:
    headers["authorization"] = f"Bearer {key}"


def post(path, body):
    request = urllib.request.Request(server + path, json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request, timeout=60)


# The Open Inference Protocol: tensors.
image = {"name": "image", "datatype": "FP32", "shape": [1, 1, 28, 28], "data": [0.0] * 784}
with post("v2/models/digits/infer", {"inputs": [image]}) as response:
    output = json.load(response)["outputs"][0]
    print(output["name"], output["shape"])

# The OpenAI API: a text as it is written.
with post("v1/completions", {"model": "bard", "prompt": "Once", "max_tokens": 16, "stream": True}) as response:
    text = ""
    for line in response:
        data = line.decode().removeprefix("data: ").strip()
        if data.startswith("{"):
            text += json.loads(data)["choices"][0]["text"]
    print("text", repr(text))

# An error says what was expected, and has a code.
try:
    post("v2/models/nothing/infer", {"inputs": []})
except urllib.error.HTTPError as error:
    print("error", error.code, error.headers["spillway-error"], json.load(error)["error"])
