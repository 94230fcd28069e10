/** An ONNX model of one node: y = Identity(x), both a float. */
export const identity = Uint8Array.from(
  atob('CAgSADovChAKAXgSAXkiCElkZW50aXR5EgFnWgsKAXgSBgoECAESAGILCgF5EgYKBAgBEgBCBAoAEA0='),
  (character) => character.charCodeAt(0),
)
