"""The manifest of a model in the catalogue; `models/manifest.ts` has its schema."""

import hashlib
import json
from pathlib import Path

MODEL = "fp32/model.onnx"
LINE_WIDTH = 110  # biome's, so that what is written here passes the project's format check


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def file_of(folder, variant):
    return folder / variant / "model.onnx"


def write(folder, about, variants):
    """Write `manifest.json` with `about` and the variants, best first, whose sizes and hashes are read from their files.

    What the recipe does not say stays as it is. Further variants stay while the file is the one they were made from.
    """
    path = folder / "manifest.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    made = [{**variant, "files": [file_in(folder, variant["id"])]} for variant in variants]
    known = before.get("variants", [])
    same = any(variant["files"] == [file_in(folder, "fp32")] for variant in known)
    others = [variant for variant in known if same and all(variant["id"] != one["id"] for one in made)]
    path.write_text(as_json({"schema": 1, **before, **about, "variants": made + others}) + "\n")


def file_in(folder, variant):
    path = file_of(folder, variant)
    return {"path": path.relative_to(folder).as_posix(), "size": path.stat().st_size, "sha256": sha256(path)}


def as_json(value, indent="", used=0):
    """JSON as the project's formatter has it: lists of plain values stay on one line where they fit."""
    if not isinstance(value, (dict, list)) or not value:
        text = json.dumps(value, ensure_ascii=False)
        return text.replace("e-0", "e-") if isinstance(value, float) else text
    inner = indent + "  "
    if isinstance(value, dict):
        names = {name: json.dumps(name, ensure_ascii=False) + ": " for name in value}
        items = [names[name] + as_json(item, inner, len(names[name])) for name, item in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    items = [as_json(item, inner) for item in value]
    line = "[" + ", ".join(items) + "]"
    if not any(isinstance(item, (dict, list)) for item in value) and len(indent) + used + len(line) + 1 <= LINE_WIDTH:
        return line
    return "[\n" + ",\n".join(inner + item for item in items) + f"\n{indent}]"
